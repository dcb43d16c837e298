package analytics

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Ingest is how much of what comes in may wait, and who writes it.
type Ingest struct {
	Writers int `koanf:"writers" validate:"min=1,max=16"`    // transactions at once
	QueueMB int `koanf:"queue_mb" validate:"min=2,max=4096"` // events that may wait, in megabytes of request
}

// IngestDefaults suit two cores.
func IngestDefaults() Ingest { return Ingest{Writers: 2, QueueMB: 32} }

const (
	doorBatch     = 4000 // events a transaction, and those of one more request
	doorQueue     = 4096 // requests that may wait
	doorTime      = 20 * time.Second
	eventOverhead = 200 // bytes beside an event's data
)

// door is the group commit of events: while transactions are under way the next
// batch gathers, so that a busy house pays one commit for thousands of events and
// an idle one answers at once. No timer is involved.
type door struct {
	log    func(ctx context.Context, facts []stream.Fact) (fresh []bool, err error) // stream.Append
	held   atomic.Int64                                                             // bytes of what has been admitted
	most   int64
	queue  chan *arrival
	closed chan struct{}
	done   chan struct{} // closed when the last writer has left

	now     func() time.Time
	turned  atomic.Int64 // requests that found the door full
	commits stopwatch
}

// arrival is one request's facts on their way into the log.
type arrival struct {
	room   *room
	ctx    context.Context // of the caller: what it no longer waits for need not be written
	facts  []stream.Fact
	fates  []fate
	answer chan error // holds one: a writer never waits for a caller that left
}

// fate is what became of a fact.
type fate struct {
	fresh   bool
	refused string // by PostgreSQL, with its reason
}

func newDoor(cfg Ingest, now func() time.Time, log func(context.Context, []stream.Fact) ([]bool, error)) *door {
	d := &door{log: log, now: now, most: int64(cfg.QueueMB) << 20, queue: make(chan *arrival, doorQueue), closed: make(chan struct{}), done: make(chan struct{})}
	var writers sync.WaitGroup
	for range cfg.Writers {
		writers.Go(d.write)
	}
	go func() { writers.Wait(); close(d.done) }()
	return d
}

// close writes what waits and stops the writers.
func (d *door) close() {
	close(d.closed)
	<-d.done
}

// room is what a request may hold, from before it is read until its caller leaves
// or, when the caller leaves first, until a writer has done with its facts.
type room struct {
	door *door
	size int64
	left bool // to the writer
}

// admit reserves room for a request of so many bytes. Errors: fault.Limited.
func (d *door) admit(size int64) (*room, error) {
	if d.held.Add(size) > d.most {
		d.held.Add(-size)
		return nil, d.tooMuch()
	}
	return &room{door: d, size: size}, nil
}

// release gives the room back, unless facts in the queue still fill it.
func (r *room) release() {
	if !r.left {
		r.door.held.Add(-r.size)
	}
}

// leave gives the room back when a writer has done with a.
func (r *room) leave(a *arrival) {
	r.left = true
	go func() {
		select {
		case <-a.answer: //nolint:errcheck // who asked has left: only the room counts
		case <-r.door.done:
		}
		r.door.held.Add(-r.size)
	}()
}

func (d *door) tooMuch() error {
	d.turned.Add(1)
	return fault.E("analytics.Ingest", fault.Limited, "more events come in than can be written", nil).
		WithFix("send the same request again after Retry-After").After(time.Second)
}

// submit waits until a's fates are decided. Errors: fault.Limited, fault.Transient.
func (d *door) submit(ctx context.Context, a *arrival) error {
	const op = "analytics.Ingest"
	select {
	case <-d.closed:
		return fault.E(op, fault.Transient, "Usher is stopping", nil)
	default:
	}
	select {
	case d.queue <- a:
	default:
		return d.tooMuch()
	}
	select {
	case err := <-a.answer:
		return err
	case <-ctx.Done():
		a.room.leave(a)
		return fault.E(op, fault.Transient, "the request took too long", ctx.Err())
	case <-d.done:
		select {
		case err := <-a.answer:
			return err
		default:
			return fault.E(op, fault.Transient, "Usher is stopping", nil)
		}
	}
}

// write is one writer.
func (d *door) write() {
	for {
		select {
		case a := <-d.queue:
			d.commit(d.gather(a))
			continue
		default:
		}
		select {
		case a := <-d.queue:
			d.commit(d.gather(a))
		case <-d.closed:
			return // the queue was empty
		}
	}
}

// gather takes what waits, up to a batch.
func (d *door) gather(first *arrival) []*arrival {
	batch, n := []*arrival{first}, len(first.facts)
	for n < doorBatch {
		select {
		case a := <-d.queue:
			batch = append(batch, a)
			n += len(a.facts)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch in one transaction and answers its callers.
func (d *door) commit(batch []*arrival) {
	ctx, cancel := context.WithTimeout(context.Background(), doorTime)
	defer cancel()
	waiting := batch[:0]
	for _, a := range batch {
		if a.ctx.Err() == nil {
			waiting = append(waiting, a)
		} else {
			a.answer <- a.ctx.Err()
		}
	}
	if len(waiting) == 0 {
		return
	}
	facts := make([]stream.Fact, 0, 2*doorBatch)
	for _, a := range waiting {
		facts = append(facts, a.facts...)
	}
	fates := make([]fate, len(facts))
	begun := d.now()
	err := d.settle(ctx, facts, fates)
	d.commits.add(d.now().Sub(begun))
	for _, a := range waiting {
		n := copy(a.fates, fates)
		fates = fates[n:]
		a.answer <- err
	}
}

// settle writes facts. When PostgreSQL refuses one of them the halves are tried,
// so that a fact fails alone; when the database is away all fail.
func (d *door) settle(ctx context.Context, facts []stream.Fact, fates []fate) error {
	if len(facts) == 0 {
		return nil
	}
	fresh, err := d.log(ctx, facts)
	switch {
	case err == nil:
		for i := range fresh {
			fates[i].fresh = fresh[i]
		}
		return nil
	case !fault.Is(err, fault.Invalid):
		return err
	case len(facts) == 1:
		fates[0].refused = fault.Message(err)
		return nil
	}
	half := len(facts) / 2
	if err := d.settle(ctx, facts[:half], fates[:half]); err != nil {
		return err
	}
	return d.settle(ctx, facts[half:], fates[half:])
}
