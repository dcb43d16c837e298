package hub

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// A run is one attempt of one job at one chunk. Of several runs at the same chunk
// only the last to claim it may record outcomes: its owner id is the fence.
type run struct {
	s      *Service
	owner  id.ID
	chunk  chunk
	letter *letter
	lane   *lane
	log    *slog.Logger

	recipients []recipient
	capped     map[int64]bool // by installation number
	next       atomic.Int64   // index of the recipient whose turn it is
	halt       atomic.Pointer[closedError]
}

// errLost says that another run has claimed the chunk.
var errLost = errors.New("another run has taken over the chunk")

// Deliver sends what a chunk still owes and records the outcomes. It is safe to
// run twice and at once: outcomes are recorded once, and a repeat sends again at
// most what was unrecorded. Errors: fault.Transient, fault.Internal.
func (s *Service) Deliver(ctx context.Context, chunkNo int64) error {
	r, err := s.claim(ctx, chunkNo)
	if err != nil || r == nil {
		return err
	}
	err = r.deliver(ctx)
	if errors.Is(err, errLost) {
		r.log.Info("chunk taken over by another run")
		return nil
	}
	return err
}

// claim makes this run the chunk's owner and loads what it needs; nil when the
// chunk has nothing left to do.
func (s *Service) claim(ctx context.Context, chunkNo int64) (*run, error) {
	r := &run{s: s, owner: id.New(), log: s.log.With("chunk", chunkNo)}
	var err error
	if r.chunk, err = s.claimChunk(ctx, chunkNo, r.owner); err != nil {
		return nil, err
	}
	if r.chunk.Finished {
		return nil, nil
	}
	if r.chunk.Cancelled {
		return nil, s.finishChunk(ctx, r, false)
	}
	if r.letter, err = s.letterOf(ctx, &r.chunk); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *run) deliver(ctx context.Context) error {
	var err error
	if delivers(r.chunk.Service) {
		r.lane, err = r.s.lane(ctx, r.chunk.App, r.chunk.Service)
	} // else there is nobody to ask
	if closed, ok := closedUntil(err); ok && r.now().Before(r.chunk.ExpiresAt) {
		return r.s.postponeChunk(ctx, r, closed.comeBack)
	} else if err != nil && !ok {
		return err // a lane that is closed when all has expired is not needed: nothing is sent
	}
	if r.recipients, err = r.s.recipients(ctx, r); err != nil {
		return err
	}
	defer func() { rosters.put(r.recipients) }() // nobody sends any more
	if r.capped, err = r.s.reserve(ctx, r); err != nil {
		return err
	}
	if err := r.sendAll(ctx); err != nil {
		return err
	}
	// What was sent is recorded; the bookkeeping must not be lost to a stopping job.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	if closed := r.halt.Load(); closed != nil {
		return r.s.postponeChunk(ctx, r, closed.comeBack)
	}
	return r.s.finishChunk(ctx, r, true)
}

// flushEvery is how long an outcome waits for others before it is recorded: what a
// crash repeats of a slow service's messages is what came within it.
const flushEvery = time.Second

// collect records outcomes: FlushSize at once, which at full speed is the whole chunk,
// and what there is every second.
func (r *run) collect(ctx context.Context, outcomes *basket) error {
	late := time.NewTicker(flushEvery)
	defer late.Stop()
	for more := true; more; {
		select {
		case <-outcomes.full:
		case <-late.C:
			doubtful := false
			outcomes.peek(func(batch []outcome) { doubtful = refusals(batch)*2 > len(batch) })
			if doubtful {
				continue // to be judged with what follows: see spareWhenSuspicious
			}
		}
		var batch []outcome
		if batch, more = outcomes.take(); len(batch) == 0 {
			continue
		}
		if err := r.flush(ctx, batch); err != nil {
			return err
		}
		late.Reset(flushEvery)
	}
	return nil
}

// flushPatience is how long a run holds outcomes while the database is away. It
// outlasts a restart of PostgreSQL, so that one repeats nothing.
const flushPatience = 30 * time.Second

// flush records a batch once, whatever happens on the way: a transaction whose
// commit went unheard is recognised by the chunk's flush number.
func (r *run) flush(ctx context.Context, batch []outcome) error {
	r.spareWhenSuspicious(batch)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushPatience)
	defer cancel()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		cancelled, err := r.s.record(ctx, r, batch)
		if err == nil {
			if cancelled {
				r.halt.CompareAndSwap(nil, &closedError{r.now(), "the notification was cancelled"})
			}
			return nil
		}
		if !fault.Is(err, fault.Transient) {
			return err
		}
		r.log.Warn("outcomes wait for the database", "outcomes", len(batch), "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// suspicious is how many refused handles in one batch, at least half of it, look
// like our mistake (wrong environment, wrong sender) rather than theirs.
const suspicious = 100

// spareWhenSuspicious keeps a batch of refusals that our own configuration most
// likely caused from retiring everybody: it pauses the credential instead.
func (r *run) spareWhenSuspicious(batch []outcome) {
	if refused := refusals(batch); refused < suspicious || refused*2 < len(batch) {
		return
	}
	for i := range batch {
		if o := &batch[i]; ourFault(o) {
			r.condemn(o.reason + " for most installations: wrong environment or credential?")
			o.state, o.due = "", o.at.Add(time.Minute)
		}
	}
}

// refusals counts those that our own configuration may have caused.
func refusals(batch []outcome) (n int) {
	for i := range batch {
		if ourFault(&batch[i]) {
			n++
		}
	}
	return n
}

func ourFault(o *outcome) bool {
	return o.reason == "BadDeviceToken" || o.reason == "DeviceTokenNotForTopic" || o.reason == "SENDER_ID_MISMATCH"
}

// condemn pauses the credential and ends the run: nothing more goes out on it
// until a person has looked.
func (r *run) condemn(reason string) {
	if !r.halt.CompareAndSwap(nil, &closedError{r.now().Add(time.Minute), "the credential was refused: " + reason}) {
		return
	}
	r.log.Error("push credential paused", "app", r.chunk.App, "service", r.chunk.Service, "reason", reason)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.s.pauseCredential(ctx, r.chunk.App, r.chunk.Service, reason); err != nil {
		r.log.Error("cannot pause the credential", "error", err)
	}
}

func (r *run) now() time.Time { return r.s.db.Now() }
