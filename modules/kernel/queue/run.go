package queue

import (
	"context"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

// abortGrace is what a handler gets between its cancelled context and being left behind.
const abortGrace = 2 * time.Second

// Run hands out and runs jobs until ctx ends, then stops: no job is begun any
// more, running ones get ShutdownTimeout, then their context ends, and what still
// did not finish is released so that another process takes it over at once.
func (q *Queue) Run(ctx context.Context) error {
	defer q.redis.Close()
	if q.cfg.Fresh {
		if err := q.store.releaseAll(ctx); err != nil {
			return err
		}
	}
	servers, err := q.startServers()
	if err != nil {
		return err
	}
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	var heart sync.WaitGroup
	heart.Go(func() { q.beat(beating) })
	if !q.cfg.Fresh {
		heart.Go(func() { q.hear(beating) })
	}
	q.relay(ctx)
	q.stop(servers)
	stopBeating()
	heart.Wait()
	return q.releaseRunning(context.WithoutCancel(ctx))
}

// startServers starts one Asynq server per lane. They share the Redis client.
func (q *Queue) startServers() ([]*asynq.Server, error) {
	var servers []*asynq.Server
	for _, lane := range q.cfg.Lanes {
		s := asynq.NewServerFromRedisClient(q.redis, asynq.Config{
			Concurrency:       lane.Concurrency,
			Queues:            map[string]int{lane.Name: 1},
			TaskCheckInterval: lane.Pace.of(q.cfg.Pickup),
			ShutdownTimeout:   q.cfg.ShutdownTimeout + abortGrace,
			RetryDelayFunc:    func(int, error, *asynq.Task) time.Duration { return time.Second },
			Logger:            asynqLog{q.log.With("lane", lane.Name)},
		})
		if err := s.Start(asynq.HandlerFunc(q.process)); err != nil {
			q.stop(servers)
			return nil, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// of is how long a job waits at this pace where one at Prompt waits for pickup.
func (p Pace) of(pickup time.Duration) time.Duration {
	switch p {
	case Urgent:
		return pickup / 5
	case Calm:
		return pickup * 10
	}
	return pickup
}

// stop waits until every lane is idle, cancelling the handlers after ShutdownTimeout.
func (q *Queue) stop(servers []*asynq.Server) {
	q.gate.close()
	late := time.AfterFunc(q.cfg.ShutdownTimeout, q.stopJobs)
	defer late.Stop()
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(s.Shutdown)
	}
	all.Wait()
	q.stopJobs()
}

// beat extends the leases of this process's runs, all in one statement, and
// cancels a run whose lease somebody else holds by now.
func (q *Queue) beat(ctx context.Context) {
	tick := time.NewTicker(q.cfg.RunLease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		mine := q.alive()
		if len(mine) == 0 {
			continue
		}
		held, err := q.store.extend(ctx, mine, q.cfg.RunLease)
		if err != nil {
			q.log.Warn("cannot extend the leases of running jobs", "error", err)
			continue
		}
		for _, owner := range mine {
			if !held[owner] {
				q.lose(owner)
			}
		}
	}
}
