package queue

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// gateRest is how often an idle lane is asked for work although none was handed:
	// what Asynq puts back by itself, and what a lost message announced, is found then.
	gateRest = time.Second
	// handedChannel carries the names of lanes that jobs were handed to.
	handedChannel = "usher:queue:handed"
)

// gate holds Asynq's question whether a lane has work, which it would ask up to a hundred
// times a second and lane, until something is handed to it. So nobody is woken up for a
// no, and a job that is handed is fetched at once.
type gate struct {
	mu     sync.Mutex
	lanes  map[string]chan struct{} // holds one while there may be work
	closed chan struct{}
}

func newGate() *gate {
	return &gate{lanes: map[string]chan struct{}{}, closed: make(chan struct{})}
}

func (g *gate) of(lane string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	may := g.lanes[lane]
	if may == nil {
		may = make(chan struct{}, 1)
		may <- struct{}{}
		g.lanes[lane] = may
	}
	return may
}

// open says that a lane may have work.
func (g *gate) open(lane string) {
	select {
	case g.of(lane) <- struct{}{}:
	default:
	}
}

// close lets nobody pass any more, nor wait.
func (g *gate) close() { close(g.closed) }

// pass waits until a lane may have work, at most gateRest, and tells whether to ask;
// whoever asks says what came of it by opening again.
func (g *gate) pass(ctx context.Context, lane string) bool {
	may, rest := g.of(lane), time.NewTimer(gateRest)
	defer rest.Stop()
	select {
	case <-may:
	case <-rest.C:
	case <-ctx.Done():
		return false
	case <-g.closed:
		return false
	}
	return true
}

// ProcessHook stands between Asynq and Redis.
func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		lane, ok := dequeued(cmd)
		if !ok {
			return next(ctx, cmd)
		}
		if !g.pass(ctx, lane) {
			cmd.SetErr(redis.Nil)
			return redis.Nil
		}
		err := next(ctx, cmd)
		if !errors.Is(err, redis.Nil) {
			g.open(lane)
		}
		return err
	}
}

// DialHook changes nothing.
func (g *gate) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessPipelineHook changes nothing.
func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}

// dequeued is the lane from which Asynq's script, known by its keys, would take a task.
func dequeued(cmd redis.Cmder) (lane string, ok bool) {
	args := cmd.Args()
	if len(args) < 5 || cmd.Name() != "evalsha" && cmd.Name() != "eval" {
		return "", false
	}
	pending, _ := args[3].(string)
	paused, _ := args[4].(string)
	key, ok := strings.CutSuffix(pending, ":pending")
	if !ok || paused != key+":paused" {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimPrefix(key, "asynq:{"), "}"), true
}

// hear opens lanes that other processes handed jobs to, until ctx ends.
func (q *Queue) hear(ctx context.Context) {
	sub := q.redis.Subscribe(ctx, handedChannel)
	defer sub.Close()
	for told := sub.Channel(); ; {
		select {
		case <-ctx.Done():
			return
		case m, ok := <-told:
			if !ok {
				return
			}
			q.gate.open(m.Payload)
		}
	}
}

// tell opens lanes that jobs were handed to, here and in the other processes.
func (q *Queue) tell(ctx context.Context, due []handed) {
	told := map[string]bool{}
	for _, h := range due {
		if told[h.queue] {
			continue
		}
		told[h.queue] = true
		q.gate.open(h.queue)
		if q.cfg.Fresh { // there are no others
			continue
		}
		if err := q.redis.Publish(ctx, handedChannel, h.queue).Err(); err != nil && ctx.Err() == nil {
			q.log.Warn("cannot tell other processes of handed jobs; they will look within a second", "lane", h.queue, "error", err)
		}
	}
}
