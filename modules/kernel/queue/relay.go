package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	// markKey holds a random value in Redis. While it is there, what was handed is there.
	markKey = "usher:queue:mark"
	// minGap keeps a stream of small commits from making a round each.
	minGap = 20 * time.Millisecond
	// orphanRetries lets Asynq put back what a crashed worker took without claiming
	// it; the row is elsewhere by then, so the task finds nothing and goes.
	orphanRetries = 3
)

// periodic is a job with a schedule.
type periodic struct {
	every time.Duration
	job   func(tick time.Time) db.Job
	last  time.Time // tick this process has seen enqueued
}

// relay keeps Asynq supplied until ctx ends.
func (q *Queue) relay(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-q.wake:
		}
		if err := q.round(ctx); err != nil && ctx.Err() == nil {
			q.log.Warn("cannot hand out jobs", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(minGap):
		}
		timer.Reset(q.cfg.Poll)
	}
}

// ring wakes the relay.
func (q *Queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// round takes back what lost its lease, enqueues periodic jobs and hands out what is due.
func (q *Queue) round(ctx context.Context) error {
	if err := q.store.sweep(ctx, q.cfg.Crashes); err != nil {
		return err
	}
	q.tick(ctx)
	if err := q.checkRedis(ctx); err != nil {
		if !q.away {
			q.log.Error("Redis does not answer; jobs wait in PostgreSQL", "error", err)
		}
		q.away = true
		return nil
	}
	if q.away {
		q.log.Info("Redis answers again")
	}
	q.away = false
	return q.handOut(ctx)
}

// checkRedis notices that Redis was emptied: then the mark is missing, and so is
// all that was handed.
func (q *Queue) checkRedis(ctx context.Context) error {
	mark, err := q.redis.Get(ctx, markKey).Result()
	if err == nil {
		q.mark = mark
		return nil
	}
	if !errors.Is(err, redis.Nil) {
		return err
	}
	lost, err := q.store.releaseHanded(ctx)
	if err != nil {
		return err
	}
	if q.mark != "" || lost > 0 {
		q.log.Warn("Redis was emptied; its jobs are handed again", "jobs", lost)
	}
	q.mark = id.New().String()
	return q.redis.SetNX(ctx, markKey, q.mark, 0).Err()
}

// tick enqueues the periodic jobs whose tick has come. One that cannot be enqueued
// is tried again in the next round and holds up nothing else.
func (q *Queue) tick(ctx context.Context) {
	for _, p := range q.periodic {
		at := q.store.now().Truncate(p.every)
		if !at.After(p.last) {
			continue
		}
		j := p.job(at)
		if err := q.store.tick(ctx, fmt.Sprintf("%s every %s", j.Name, p.every), at, j); err != nil {
			q.log.Error("cannot enqueue a periodic job", "job", j.Name, "error", err)
			continue
		}
		p.last = at
	}
}

// handOut leases due rows and gives them to Asynq. The lease is committed first:
// a transaction must not stay open while Redis answers. What cannot be given is
// released.
func (q *Queue) handOut(ctx context.Context) error {
	due, full, err := q.store.lease(ctx, q.cfg.Lanes, q.cfg.Window, q.cfg.HandLease)
	if err != nil {
		return err
	}
	q.full.Store(full)
	var group errgroup.Group
	group.SetLimit(8)
	for _, h := range due {
		group.Go(func() error { return q.hand(ctx, h) })
	}
	err = group.Wait()
	q.tell(ctx, due)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, q.store.unlease(ctx, due))
	}
	return nil
}

// hand gives one row to Asynq. The task's id names the row and its next run, so a
// task that is still in Redis is not doubled.
func (q *Queue) hand(ctx context.Context, h handed) error {
	name := fmt.Sprintf("%s:%d", h.id, h.runs)
	err := q.enqueue(ctx, h, name)
	if !errors.Is(err, asynq.ErrTaskIDConflict) {
		return err
	}
	info, err := q.inspector.GetTaskInfo(h.queue, name)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound): // it has just ended
	case err != nil:
		return err
	case info.State == asynq.TaskStateArchived || info.State == asynq.TaskStateCompleted:
		if err := q.inspector.DeleteTask(h.queue, name); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
			return err
		}
	case info.State == asynq.TaskStateActive:
		// A worker took it and has not claimed the row: it is about to, or it died.
		// A second task does no harm, waiting for Asynq to notice would take minutes.
		name += ":" + id.New().String()
	default: // waits in Redis still
		return nil
	}
	err = q.enqueue(ctx, h, name)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

func (q *Queue) enqueue(ctx context.Context, h handed, name string) error {
	_, err := q.client.EnqueueContext(ctx, asynq.NewTask(h.name, []byte(h.id.String())),
		asynq.Queue(h.queue), asynq.TaskID(name), asynq.MaxRetry(orphanRetries),
		asynq.Timeout(h.timeout+2*overtime), asynq.Retention(0)) // the job's own timeout is ours to keep
	return err
}
