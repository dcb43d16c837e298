package stream

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	tailFacts = 1000            // most facts read of a partition at once
	tailRoom  = 8000            // most facts kept of a partition …
	tailBytes = 2 << 20         // … and most bytes of their data
	tailAge   = 5 * time.Second // what was read longer ago may have been erased since
	tailReach = uint64(10_000)  // transactions ahead of a stretch from where it begins anew
)

// tail is the newest of each partition, read once for all listeners of a process: below
// the horizon nothing is ever added. The cursors in PostgreSQL decide as they do without it.
type tail struct {
	all   bool // a listener wants every type
	types []string

	filling sync.Mutex // one reads, the others then have it too
	mu      sync.Mutex // over parts; never held during a query
	parts   [db.Partitions]stretch
}

// stretch is all facts of the tail's types between two places of a partition.
type stretch struct {
	from, to position
	read     time.Time // when what lies up to to was looked for; zero: never
	pieces   []piece
	n, bytes int
}

// piece is what one look brought.
type piece struct {
	facts []Fact
	types []string
	bytes int
	read  time.Time
}

func (p *piece) last() position {
	return position{p.facts[len(p.facts)-1].XID, p.facts[len(p.facts)-1].ID}
}

// want adds a listener's types to what is read for all.
func (t *tail) want(types []string) {
	t.all = t.all || len(types) == 0
	t.types = slices.Compact(slices.Sorted(slices.Values(append(t.types, types...))))
}

func (t *tail) wanted() []string {
	if t.all {
		return nil
	}
	return t.types
}

// ask is a wish to have what a partition holds behind a place, as of an instant or later.
type ask struct {
	partition int16
	position
	since time.Time
}

// fill reads what is asked for and not there yet, all in one query.
func (t *tail) fill(ctx context.Context, s store, asks []ask) error {
	t.filling.Lock()
	defer t.filling.Unlock()
	if asks = t.lacking(asks); len(asks) == 0 {
		return nil
	}
	now := time.Now()
	facts, horizon, err := s.behind(ctx, asks, t.wanted(), tailFacts)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range asks {
		t.parts[a.partition].extend(a.position, facts[a.partition], horizon, now)
	}
	return nil
}

// drop forgets a partition: it begins anew where it is asked for next.
func (t *tail) drop(p int16) {
	t.mu.Lock()
	t.parts[p] = stretch{}
	t.mu.Unlock()
}

// lacking turns asks into those that need a query, from where the stretch ends.
func (t *tail) lacking(asks []ask) (open []ask) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range asks {
		s := &t.parts[a.partition]
		switch {
		case s.misses(a.position):
			open = append(open, a)
		case s.read.Before(a.since), s.to.id != 0 && !a.before(s.to):
			open = append(open, ask{a.partition, s.to, a.since})
		}
	}
	return open
}

// misses tells that a place is so far ahead that the stretch begins anew there.
func (s *stretch) misses(at position) bool { return s.read.IsZero() || at.xid > s.to.xid+tailReach }

// extend adds what a look from a place on brought. A stretch never goes back.
func (s *stretch) extend(from position, facts []Fact, horizon uint64, now time.Time) {
	if s.misses(from) {
		*s = stretch{from: from}
	}
	s.read, s.to = now, endOf(facts, tailFacts, horizon)
	if len(facts) == 0 {
		s.forget(now)
		return
	}
	p := piece{facts: facts, read: now}
	for i := range facts {
		p.bytes += len(facts[i].Data)
		if !slices.Contains(p.types, facts[i].Type) {
			p.types = append(p.types, facts[i].Type)
		}
	}
	s.pieces, s.n, s.bytes = append(s.pieces, p), s.n+len(facts), s.bytes+p.bytes
	s.forget(now)
}

// forget drops what is too old, and the oldest of what is too much.
func (s *stretch) forget(now time.Time) {
	drop := 0
	for ; drop < len(s.pieces); drop++ {
		p := &s.pieces[drop]
		if now.Sub(p.read) < tailAge && s.n <= tailRoom && s.bytes <= tailBytes {
			break
		}
		s.from, s.n, s.bytes = p.last(), s.n-len(p.facts), s.bytes-p.bytes
	}
	if drop > 0 {
		s.pieces = slices.Delete(s.pieces, 0, drop) // clears what they point to
	}
}

func (t *tail) forget(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.parts {
		t.parts[p].forget(now)
	}
}

// behind are the pieces with facts behind a place, when the stretch covers it.
func (s *stretch) behind(at position, now time.Time) (pieces []piece, covered bool) {
	if s.forget(now); s.read.IsZero() || at.before(s.from) || s.to.before(at) {
		return nil, false
	}
	first := sort.Search(len(s.pieces), func(i int) bool { return at.before(s.pieces[i].last()) })
	return s.pieces[first:], true
}

// ready tells whether there are facts of these types behind a place, or may be, for all
// the tail knows; otherwise up to where there are none.
func (t *tail) ready(p int16, at position, types []string) (ready bool, none position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.parts[p]
	pieces, covered := s.behind(at, time.Now())
	if !covered {
		return true, at
	}
	for i := range pieces {
		if pieces[i].has(at, types) {
			return true, at
		}
	}
	return false, s.to
}

// wants reports whether a listener of these types, none: of all, hears of a type.
func wants(types []string, of string) bool { return len(types) == 0 || slices.Contains(types, of) }

func (p *piece) has(at position, types []string) bool {
	if !slices.ContainsFunc(p.types, func(t string) bool { return wants(types, t) }) {
		return false
	}
	return slices.ContainsFunc(p.facts, func(f Fact) bool {
		return at.before(position{f.XID, f.ID}) && wants(types, f.Type)
	})
}

// next gives the facts of these types behind a place at or behind a locked cursor, and
// the place up to which they are all. They are shared: nobody may change their data.
func (t *tail) next(tx *db.Tx, c cursor, from position, types []string, limit int) (facts []Fact, end position, err error) {
	if facts, end, covered := t.kept(c.partition, from, types, limit); covered {
		return facts, end, nil
	}
	c.position = from
	facts, err = read(tx, c, types, limit)
	return facts, endOf(facts, limit, c.horizon), err
}

// kept is next as far as the tail covers the place.
func (t *tail) kept(p int16, at position, types []string, limit int) (facts []Fact, end position, covered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.parts[p]
	pieces, covered := s.behind(at, time.Now())
	if !covered {
		return nil, position{}, false
	}
	for i := range pieces {
		all := pieces[i].facts
		for j := range all {
			if f := &all[j]; at.before(position{f.XID, f.ID}) && wants(types, f.Type) {
				if facts = append(facts, *f); len(facts) == limit {
					return facts, endOf(facts, limit, 0), true
				}
			}
		}
	}
	return facts, s.to, true
}

// endOf is the place behind facts of which at most limit were read: when nothing was
// left below the horizon it is there, over facts of other types.
func endOf(facts []Fact, limit int, horizon uint64) position {
	if len(facts) < limit {
		return position{xid: horizon}
	}
	last := facts[len(facts)-1]
	return position{last.XID, last.ID}
}

func (p position) before(q position) bool { return p.xid < q.xid || p.xid == q.xid && p.id < q.id }
