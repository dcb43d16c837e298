package embedded

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	lua "github.com/yuin/gopher-lua"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	// ttlTick is how late a key may expire. The store advances its TTLs itself at
	// every access if asked to, which made it 17 times slower.
	ttlTick = 250 * time.Millisecond
	// slowest is how long one command may take: it works through large queues slowly.
	slowest = 30 * time.Second
)

// Queue is the built-in queue store: what Asynq needs of Redis, in this process,
// on no port. It keeps nothing when the process ends; the outbox in PostgreSQL
// drives again what was unfinished.
type Queue struct {
	store *miniredis.Miniredis
	mu    sync.Mutex // orders dialing before closing
	quit  chan struct{}
	done  chan struct{}
}

// A script gets an interpreter of its own, and Asynq has some run all the time: those
// need a few dozen places, not Lua's 5,120 and 256 calls.
func init() { lua.RegistrySize, lua.CallStackSize = 1024, 64 } //nolint:gochecknoinits // before anybody starts an interpreter

// StartQueue makes an empty queue store.
func StartQueue() (*Queue, error) {
	q := &Queue{store: miniredis.NewMiniRedis(), quit: make(chan struct{}), done: make(chan struct{})}
	first, err := q.store.Dial() // starts it
	if err != nil {
		return nil, fault.E("embedded.StartQueue", fault.Internal, "the built-in queue store did not start", err)
	}
	_ = first.Close()
	go q.age()
	return q, nil
}

// age takes the passed time off all TTLs. It goes by the wall clock, as Asynq does,
// so that leases end when a suspended machine wakes up.
func (q *Queue) age() {
	defer close(q.done)
	tick := time.NewTicker(ttlTick)
	defer tick.Stop()
	last := time.Now().Round(0) // Round(0) strips the monotonic clock
	for {
		select {
		case <-q.quit:
			return
		case <-tick.C:
		}
		now := time.Now().Round(0)
		if passed := now.Sub(last); passed > 0 {
			q.store.FastForward(passed)
		}
		last = now
	}
}

// Close ends the store; commands and new connections fail from then on.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.quit:
		return
	default:
	}
	close(q.quit)
	<-q.done
	q.store.Close()
}

// dial makes a connection in memory.
func (q *Queue) dial(context.Context, string, string) (net.Conn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.quit:
		return nil, net.ErrClosed // the store would start again
	default:
	}
	c, err := q.store.Dial()
	if err != nil {
		return nil, err
	}
	return newEagerConn(c), nil
}

// ConnOpt is how Asynq connects: an asynq.RedisConnOpt.
func (q *Queue) ConnOpt() ConnOpt { return ConnOpt{q} }

// ConnOpt makes clients of a Queue.
type ConnOpt struct{ queue *Queue }

// MakeRedisClient returns a new redis.UniversalClient; the type is Asynq's.
func (o ConnOpt) MakeRedisClient() any {
	return redis.NewClient(&redis.Options{
		Addr:         "built-in",
		Dialer:       o.queue.dial,
		ReadTimeout:  slowest,
		WriteTimeout: slowest,
		// Asynq's commands are short, its connections many.
		ReadBufferSize:  4 << 10,
		WriteBufferSize: 4 << 10,
		// What the store does not know need not be asked on each connection.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
