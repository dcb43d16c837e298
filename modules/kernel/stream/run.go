package stream

import (
	"context"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	// settle is how soon the log is checked after a wake-up: for facts that were
	// held back, and to tell other processes once for many commits.
	settle = 20 * time.Millisecond
	// checkShare bounds the time spent checking: a check that took t is followed by
	// none for checkShare·t, but not for longer than restMost.
	checkShare = 20
	restMost   = time.Second
	// yield is what other processes leave to the one that committed facts and reads
	// them itself, so that they do not all look at once for what it is about to handle.
	yield         = 200 * time.Millisecond
	maintainEach  = time.Hour
	maintainRetry = 5 * time.Second // writers were in the way
)

// Run reads for all listeners until ctx ends; a batch under way is rolled back
// then. It also makes and drops the log's partitions, hourly.
func (s *Stream) Run(ctx context.Context) error {
	if err := s.Register(ctx); err != nil {
		return err
	}
	seen, err := s.store.horizon(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, r := range s.readers {
		all.Go(func() { r.run(ctx) })
	}
	all.Go(func() { s.hear(ctx) })
	all.Go(func() { s.maintain(ctx) })
	s.watch(ctx, seen)
	return nil
}

// Tell is for a process that announces facts and leaves them to others: it wakes those
// which Run, until ctx ends.
func (s *Stream) Tell(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.facts:
		}
		if err := s.store.notify(ctx, s.name, tellUnread); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot tell other processes of new facts; they will poll", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(settle): // once for many commits
		}
	}
}

// watch tells readers which partitions have news until ctx ends. Commits of this
// process are announced at once; a check of the log finds the rest: commits of
// other processes, and facts that were held back by an older open transaction.
func (s *Stream) watch(ctx context.Context, seen uint64) { //nolint:funlen // one loop
	c := newChecker(s, seen)
	wait := newBackoff(settle, 12*settle)
	next := time.Now().Add(s.cfg.Poll)
	rest := time.Time{} // no check before
	timer := time.NewTimer(s.cfg.Poll)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-s.facts:
			s.announceNews(n)
			c.tell = true
			next = earlier(next, time.Now().Add(settle))
		case told := <-s.remote:
			switch told {
			case tellAll:
				s.announceAll()
				next = time.Now()
			case tellUnread:
				next = time.Now()
			default:
				next = earlier(next, time.Now().Add(yield))
			}
		case <-timer.C:
			begun := time.Now()
			s.tail.forget(begun)
			held, err := c.check(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("cannot look for new facts", "error", err)
			}
			rest = time.Now().Add(min(checkShare*time.Since(begun), restMost))
			next = time.Now().Add(s.cfg.Poll)
			if !held {
				wait.reset()
			} else {
				next = earlier(next, time.Now().Add(wait.next()))
			}
		}
		if next.Before(rest) {
			next = rest
		}
		timer.Reset(time.Until(next))
	}
}

// checker looks for facts in the whole log, cheaply when there are none.
type checker struct {
	s     *Stream
	tell  bool   // this process has committed facts the others do not know of
	seen  uint64 // facts of transactions below were announced
	last  int64  // lastID of the former check
	quiet bool   // all facts up to last were announced for good
}

func newChecker(s *Stream, seen uint64) *checker {
	s.digest.begin(seen)
	return &checker{s: s, seen: seen}
}

// check announces the partitions with new facts. held asks for another check soon.
func (c *checker) check(ctx context.Context) (held bool, err error) {
	if c.tell {
		c.tell = false
		if err := c.s.store.notify(ctx, c.s.name, tellNews); err != nil && ctx.Err() == nil {
			c.s.log.Warn("cannot tell other processes of new facts; they will poll", "error", err)
		}
	}
	last, err := c.s.store.lastID(ctx)
	if err != nil || last == c.last && c.quiet {
		return false, err
	}
	quiet, err := c.s.store.quiet(ctx)
	if err != nil {
		return false, err
	}
	n, err := c.s.store.news(ctx, c.seen)
	if err != nil {
		return false, err
	}
	c.seen, c.last, c.quiet = n.horizon, last, quiet && !n.held
	c.s.announceFound(n)
	return n.held, nil
}

// announceFound wakes those whom found facts concern; the others pass over them.
func (s *Stream) announceFound(n news) {
	if n.many {
		s.digest.begin(n.horizon)
		for _, r := range s.readers {
			r.announce(false, allPartitions...)
		}
		return
	}
	s.digest.add(n)
	for _, r := range s.readers {
		for _, f := range n.found {
			if wants(r.Types, f.kind) {
				r.announce(false, f.partition)
			} else {
				r.hint(f.partition)
			}
		}
	}
}

// announceNews wakes those whom a fact concerns; the others pass over it at the next check.
func (s *Stream) announceNews(n db.News) {
	for _, r := range s.readers {
		if wants(r.Types, n.Type) {
			r.announce(false, n.Partition)
		}
	}
}

// announceAll also makes readers forget what they know, as after a cursor was set back.
func (s *Stream) announceAll() {
	for _, r := range s.readers {
		r.announce(true, allPartitions...)
	}
}

// maintain keeps the log's partitions at start and hourly.
func (s *Stream) maintain(ctx context.Context) {
	for {
		pause := maintainEach
		if err := s.Maintain(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("cannot maintain the log's partitions; trying again", "error", err)
			pause = maintainRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// hear passes on what other processes notify, until ctx ends. While the
// connection is away, the poll finds their facts.
func (s *Stream) hear(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.store.listen(ctx, func(from string, told tidings) {
			if from == s.name.String() {
				return
			}
			select {
			case s.remote <- told:
			case <-ctx.Done():
			}
		})
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("lost the connection that hears of facts; polling until it is back", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

var allPartitions = func() []int16 {
	all := make([]int16, db.Partitions)
	for p := range all {
		all[p] = int16(p)
	}
	return all
}()

// backoff doubles from least to most.
type backoff struct{ least, most, now time.Duration }

func newBackoff(least, most time.Duration) *backoff { return &backoff{least, most, least} }

func (b *backoff) reset() { b.now = b.least }

func (b *backoff) next() time.Duration {
	d := b.now
	b.now = min(2*b.now, b.most)
	return d
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
