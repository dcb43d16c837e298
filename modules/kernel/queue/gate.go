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

// gate answers Asynq's question whether a lane has work, asked up to a hundred times a
// second and lane, without Redis as long as nothing was handed since the last no.
type gate struct {
	mu    sync.Mutex
	lanes map[string]*look
}

// look is what is known of a lane's work.
type look struct {
	may  bool      // there may be some
	next time.Time // when to ask anyway
}

func (g *gate) of(lane string) *look {
	if g.lanes == nil {
		g.lanes = map[string]*look{}
	}
	l := g.lanes[lane]
	if l == nil {
		l = &look{may: true}
		g.lanes[lane] = l
	}
	return l
}

// open says that a lane may have work.
func (g *gate) open(lane string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of(lane).may = true
}

// pass tells whether to ask; whoever asks says what came of it by opening again.
func (g *gate) pass(lane string) bool {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.of(lane)
	if !l.may && now.Before(l.next) {
		return false
	}
	l.may, l.next = false, now.Add(gateRest)
	return true
}

// ProcessHook stands between Asynq and Redis.
func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		lane, ok := dequeued(cmd)
		if !ok {
			return next(ctx, cmd)
		}
		if !g.pass(lane) {
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
