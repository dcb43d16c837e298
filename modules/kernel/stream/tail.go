package stream

import (
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	tailFacts = 1000            // most facts kept of a partition …
	tailBytes = 4 << 20         // … and most bytes of their data
	tailAge   = time.Second     // what was read longer ago may have been erased since
	tailReach = uint64(100_000) // transactions behind the horizon from where a listener reads for itself
)

// tail keeps what was read last of each partition, so that the listeners of a
// process read the log once between them: below the horizon nothing is ever added.
// The cursors in PostgreSQL decide as they do without it.
type tail struct {
	all   bool // a listener wants every type
	types []string
	parts [db.Partitions]stretch
}

// stretch is all facts of the tail's types between two places of a partition.
// Whoever reads it anew holds mu, so that the others wait and have it too.
type stretch struct {
	mu       sync.Mutex
	from, to position
	facts    []Fact
	read     time.Time
}

// want adds a listener's types to what is read for all.
func (t *tail) want(types []string) {
	t.all = t.all || len(types) == 0
	t.types = slices.Compact(slices.Sorted(slices.Values(append(t.types, types...))))
}

// next gives the listener's next facts behind its cursor, and the place up to which
// they are all. They are shared: nobody may change their data.
func (t *tail) next(tx *db.Tx, c cursor, types []string, limit int) (facts []Fact, end position, err error) {
	if c.horizon-c.xid < tailReach {
		if facts, end, err = t.parts[c.partition].next(tx, c, t.wanted(), types, limit); err != nil || len(facts) > 0 {
			return facts, end, err
		}
	}
	facts, err = read(tx, c, types, limit)
	return facts, endOf(facts, limit, c.horizon), err
}

func (t *tail) wanted() []string {
	if t.all {
		return nil
	}
	return t.types
}

func (s *stretch) next(tx *db.Tx, c cursor, all, types []string, limit int) ([]Fact, position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holds(c.position) {
		facts, err := read(tx, c, all, tailFacts)
		if err != nil {
			return nil, position{}, err
		}
		s.keep(c, facts)
	}
	facts := make([]Fact, 0, min(limit, len(s.facts)))
	for i := range s.facts {
		f := &s.facts[i]
		if len(facts) == limit {
			break
		}
		if c.position.before(position{f.XID, f.ID}) && (len(types) == 0 || slices.Contains(types, f.Type)) {
			facts = append(facts, *f)
		}
	}
	if len(facts) == limit {
		return facts, endOf(facts, limit, 0), nil
	}
	return facts, s.to, nil
}

func (s *stretch) holds(at position) bool {
	return time.Since(s.read) < tailAge && !at.before(s.from) && at.before(s.to)
}

// keep takes what was read behind a cursor, as far as there is room.
func (s *stretch) keep(c cursor, facts []Fact) {
	room, n := tailBytes, 0
	for n < len(facts) && (n == 0 || room >= len(facts[n].Data)) {
		room -= len(facts[n].Data)
		n++
	}
	s.from, s.to, s.facts, s.read = c.position, endOf(facts, tailFacts, c.horizon), facts[:n], time.Now()
	if n < len(facts) {
		s.to = endOf(facts[:n], n, 0)
	}
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
