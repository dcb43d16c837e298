package sales

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	tillBatch    = 256  // requests a transaction
	tillQueue    = 4096 // requests that may wait; beyond, buyers are asked to come again
	tillWorkers  = 2    // one writes, the other beside it if enough waits
	tillEnough   = tillBatch / 2
	tillPatience = 25 * time.Millisecond // for the other worker's commit, which may be stuck
	tillCompany  = 2 * time.Millisecond  // a round waits for more while other processes sell the same
	tillTime     = 20 * time.Second
	tillMemory   = 1 << 14 // orders remembered by key, twice: seconds of a rush, some 30 MB
	scarce       = 5       // batches of capacity below which the exact path is taken at once
)

// till sells. It is a group commit: a worker takes whatever waits and writes it in one
// transaction whose last statement changes the stock, so that a hot category is locked
// for an update and a commit only. It waits for more only while other processes sell the
// same: each has few buyers then, and small rounds are what they would lose their time with.
//
// It hopes first: it writes as if every request were new and every ticket there,
// and lets the database's own guards (UNIQUE, CHECK) object. If they do, or few
// tickets are left, the batch is done exactly: stock locked, repeats looked up,
// tickets given out in the order of arrival.
type till struct {
	store store
	log   *slog.Logger
	queue chan *ask
	turn  chan struct{} // holds one while a worker writes
	many  chan struct{} // rung when enough wait to be written beside it
	late  chan struct{} // rung when it takes long
	done  sync.WaitGroup
	left  *shelf
	known *memory
	meter meter
}

func newTill(d *db.DB, log *slog.Logger) *till {
	t := &till{store: store{d}, log: log, queue: make(chan *ask, tillQueue), turn: make(chan struct{}, 1), many: make(chan struct{}, 1), late: make(chan struct{}, 1), left: newShelf(d.Now), known: newMemory(tillMemory)}
	for range tillWorkers {
		t.done.Go(t.work)
	}
	return t
}

// close writes what waits and stops the workers. Nobody may ask any more.
func (t *till) close() {
	close(t.queue)
	t.done.Wait()
}

// ask waits for the verdict on a. Errors: fault.Transient when too many wait, with the
// time to come again, and when ctx ends first (it may still happen: repeat it with the
// same key), and the verdict's own.
func (t *till) ask(ctx context.Context, a *ask) (verdict, error) {
	if known, ok := t.known.find(a); ok {
		return known, known.err
	}
	if a.fresh && t.left.short(a.lines) {
		return verdict{}, soldOut()
	}
	a.answer = make(chan verdict, 1)
	if !t.join(a) {
		t.meter.crowd(a.order.Event)
		return verdict{}, crowded()
	}
	select {
	case v := <-a.answer:
		return v, v.err
	case <-ctx.Done():
		a.left.Store(true)
		return verdict{}, fault.E("sales.till", fault.Transient, "the request took too long", ctx.Err()).
			WithFix("repeat it with the same Idempotency-Key: it is not done twice")
	}
}

// join queues a, unless the queue is full.
func (t *till) join(a *ask) bool {
	select {
	case t.queue <- a:
	default:
		return false
	}
	if len(t.queue) >= tillEnough {
		ring(t.many)
	}
	return true
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

func (t *till) work() {
	batch := make([]*ask, 0, tillBatch)
	for late := false; ; {
		first, turn := t.next(&late)
		if first != nil {
			t.sell(append(batch[:0], first), turn)
		}
		if turn {
			<-t.turn
		}
		if first == nil {
			return
		}
	}
}

// next waits for an ask that this worker may take; nil: the till is closed. It is taken when
// it is this worker's turn: until then it stays in the queue, where those that were just
// answered join it. Beside the other worker one is taken only if enough wait, or that one is
// late: two small batches cost the database and everybody who reads their facts nearly twice
// as much as one, and mostly meet at the same stock.
func (t *till) next(late *bool) (first *ask, turn bool) {
	for {
		var beside chan *ask
		if *late || len(t.queue) >= tillEnough {
			beside = t.queue
		}
		select {
		case t.turn <- struct{}{}:
			*late = false
			return <-t.queue, true
		case first := <-beside:
			return first, false
		case <-t.many:
		case <-t.late:
			*late = true
		}
	}
}

// sell serves a batch that begins with those given.
func (t *till) sell(batch []*ask, turn bool) {
	if turn {
		defer time.AfterFunc(tillPatience, func() { ring(t.late) }).Stop()
	}
	if turn && t.seeksCompany() {
		time.Sleep(tillCompany)
	}
	batch = db.Gather(batch, t.queue, tillBatch)
	start := t.store.db.Now()
	batch = slices.DeleteFunc(batch, func(a *ask) bool { return a.left.Load() })
	t.serve(batch)
	if len(t.queue) >= tillBatch { // it does what it can: this is its capacity
		t.meter.add(len(batch), t.store.db.Now().Sub(start)/tillWorkers)
	}
	if len(t.queue) > tillQueue/2 && len(batch) > 0 {
		t.meter.crowd(batch[0].order.Event)
	}
}

// seeksCompany reports whether a round should wait for more: others sell the same, and it would be a
// small one.
func (t *till) seeksCompany() bool { return len(t.queue) < tillEnough && t.left.contested() }

// serve answers every ask of a batch.
func (t *till) serve(batch []*ask) {
	ctx, cancel := context.WithTimeout(context.Background(), tillTime)
	defer cancel()
	for len(batch) > 0 {
		round, rest := distinct(batch)
		t.round(ctx, round)
		batch = rest
	}
}

// round serves asks of which no two concern the same key or cart.
func (t *till) round(ctx context.Context, round []*ask) {
	verdicts, err := t.write(ctx, round)
	if err != nil && len(round) > 1 && !fault.Is(err, fault.Transient) {
		// One that the database refuses must not fail the others. Halves find it in few rounds.
		half := len(round) / 2
		t.round(ctx, round[:half])
		t.round(ctx, round[half:])
		return
	}
	for i, a := range round {
		v := verdict{err: err}
		if err == nil {
			v = verdicts[i]
			t.known.keep(a, v)
		}
		a.answer <- v
	}
}

func (t *till) write(ctx context.Context, round []*ask) ([]verdict, error) {
	need := sum(round)
	if !t.left.scarce(need) {
		verdicts, left, err := t.store.hope(ctx, round, need)
		if err == nil {
			t.left.watch(left, need)
		}
		t.left.tell(left)
		if err == nil || !objection(err) {
			return verdicts, db.Classify("sales.till", err)
		}
	}
	var err error
	for range 3 {
		var verdicts []verdict
		var left []remaining
		verdicts, left, err = t.store.exact(ctx, round)
		t.left.tell(left)
		if err == nil || !objection(err) {
			return verdicts, db.Classify("sales.till", err)
		}
	}
	return nil, fault.E("sales.till", fault.Transient, "too many buyers met on the same tickets", err)
}

// distinct takes asks, in order, before any repetition of a key or a cart; rest
// must come after them.
func distinct(batch []*ask) (round, rest []*ask) {
	keys, carts := make(map[RepeatKey]bool, len(batch)), make(map[id.ID]bool, len(batch))
	for _, a := range batch {
		if a.sells() && keys[a.key] || a.cart != id.Nil && carts[a.cart] {
			rest = append(rest, a)
		} else {
			round = append(round, a)
		}
		keys[a.key], carts[a.cart] = true, true
	}
	return round, rest
}
