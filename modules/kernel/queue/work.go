package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// run is one execution of a job in this process.
type run struct {
	cancel context.CancelCauseFunc
	end    time.Time // after that it gets no heartbeat: the handler ignores its context
}

var (
	errTimeout = errors.New("the job ran longer than its timeout")
	errLost    = errors.New("another process took the job over")
)

// overtime is how long after its timeout a handler may take to return before its
// job counts as crashed.
const overtime = 30 * time.Second

// process is the Asynq handler of every lane: it claims the row, runs it and
// settles it. Only a claim that failed is returned, for Asynq to repeat; all else
// is settled in PostgreSQL, so the task's work in Redis is over.
func (q *Queue) process(ctx context.Context, t *asynq.Task) error {
	jobID, err := id.Parse(string(t.Payload()))
	if err != nil {
		return fmt.Errorf("task without a job id: %w", asynq.SkipRetry)
	}
	owner := id.New()
	j, found, err := q.store.claim(ctx, jobID, owner, q.cfg.RunLease)
	if err != nil || !found {
		return err
	}
	q.perform(j, owner)
	if q.full.Load() {
		q.ring()
	}
	return nil
}

// perform runs the handler under the job's timeout and writes down how it ended.
//
// The context is not Asynq's: that one ends when Redis is away for its lease, and
// our lease is in PostgreSQL.
func (q *Queue) perform(j job, owner id.ID) {
	ctx, cancel := context.WithCancelCause(q.jobsCtx)
	defer cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, j.timeout, errTimeout)
	defer stop()
	q.mu.Lock()
	q.running[owner] = &run{cancel: cancel, end: time.Now().Add(j.timeout + overtime)}
	q.mu.Unlock()
	err := q.call(ctx, j)
	q.mu.Lock()
	delete(q.running, owner)
	q.mu.Unlock()
	q.settle(j, owner, err, context.Cause(ctx))
}

// call runs the handler; a panic becomes fault.Internal.
func (q *Queue) call(ctx context.Context, j job) (err error) {
	const op = "queue.Run"
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("a job panicked", "job", j.name, "id", j.id, "panic", p, "stack", string(debug.Stack()))
			err = fault.E(op, fault.Internal, fmt.Sprintf("panic: %v", p), nil)
		}
	}()
	fn := q.handlers[j.name]
	if fn == nil { // a newer replica may know it, so it is worth repeating
		return fault.E(op, fault.Internal, "this process has no handler for "+j.name, nil)
	}
	return fn(ctx, j.payload)
}

// settle records the outcome of a run. cause says why the handler's context
// ended, if it did. A run whose outcome cannot be recorded is repeated when its
// lease ends.
func (q *Queue) settle(j job, owner id.ID, err, cause error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log := q.log.With("job", j.name, "id", j.id, "run", j.runs)
	var stored error
	switch {
	case err == nil:
		stored = q.store.done(ctx, j.id, owner)
	case errors.Is(cause, errLost):
		log.Warn("the job went on elsewhere", "error", err)
	case errors.Is(cause, context.Canceled) && fault.Retryable(err):
		log.Info("the job was interrupted by the stop of the process")
		stored = q.store.release(ctx, []id.ID{owner})
	case fault.Retryable(err) && j.failures < j.retries:
		delay := q.delay(j.failures, err)
		log.Warn("the job failed and will be repeated", "error", err, "in", delay)
		stored = q.store.retry(ctx, j.id, owner, delay, err)
	default:
		log.Error("the job failed for good", "error", err)
		stored = q.store.fail(ctx, j.id, owner, err)
	}
	if stored != nil {
		log.Error("cannot record how the job ended; it will run again", "error", stored)
	}
}

// delay is the pause before the next run: what the fault asks for, or else an
// exponential one, the upper half of it random so that jobs do not march in step.
func (q *Queue) delay(failures int, err error) time.Duration {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		return f.RetryAfter
	}
	d := q.cfg.RetryMax
	if failures < 30 {
		d = min(d, q.cfg.RetryMin<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

// alive is the owners this process still vouches for.
func (q *Queue) alive() []id.ID {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	var owners []id.ID
	for owner, r := range q.running {
		if now.Before(r.end) {
			owners = append(owners, owner)
		}
	}
	return owners
}

// lose ends a run whose lease is gone. It may just have finished: then nothing happens.
func (q *Queue) lose(owner id.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r := q.running[owner]; r != nil {
		r.cancel(errLost)
	}
}

// releaseRunning gives back what did not end in time.
func (q *Queue) releaseRunning(ctx context.Context) error {
	q.mu.Lock()
	var owners []id.ID
	for owner := range q.running {
		owners = append(owners, owner)
	}
	q.mu.Unlock()
	if len(owners) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q.log.Warn("jobs did not stop in time and were released", "jobs", len(owners))
	return q.store.release(ctx, owners)
}
