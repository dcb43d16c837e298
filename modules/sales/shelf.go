package sales

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// shelf remembers what is left of each stock, as the last transaction saw it.
// It only chooses the way: the database decides.
type shelf struct {
	mu    sync.Mutex
	now   func() time.Time
	items map[id.ID]seen

	rivals int       // rounds in a row in which others took of what we sell
	met    time.Time // when that was seen last
}

type seen struct {
	left int
	at   time.Time
}

// shelfAge is how long what was seen is believed: another replica may have
// released tickets meanwhile.
const shelfAge = time.Second

// remaining is what a transaction left of a stock.
type remaining struct {
	event, stock id.ID
	left, held   int
}

func newShelf(now func() time.Time) *shelf { return &shelf{now: now, items: map[id.ID]seen{}} }

func (s *shelf) tell(all []remaining) {
	if len(all) == 0 {
		return
	}
	at := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range all {
		s.items[r.stock] = seen{r.left, at}
	}
}

// watch compares what a round left, before it is told, with what was left before and what the
// round took: where less is left, others sell too. Once is none: of two workers the later
// may be the first to tell.
func (s *shelf) watch(all []remaining, took []need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	others := slices.ContainsFunc(all, func(r remaining) bool {
		was, ok := s.items[r.stock]
		i := slices.IndexFunc(took, func(n need) bool { return n.stock == r.stock })
		return ok && i >= 0 && r.left < was.left-took[i].sold-took[i].held
	})
	if !others {
		s.rivals = 0
	} else if s.rivals++; s.rivals > 1 {
		s.met = s.now()
	}
}

// contested reports whether others, in other processes, sell of the same stock these days.
func (s *shelf) contested() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.met) < shelfAge
}

// forget drops what was seen: the catalogue has changed how much there is.
func (s *shelf) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.items)
}

// scarce reports whether so little is left of some stock, or so little known
// about it, that hoping would likely fail.
func (s *shelf) scarce(need []need) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range need {
		if taken := n.sold + n.held; taken > 0 {
			if item, ok := s.items[n.stock]; !ok || item.left < scarce*taken {
				return true
			}
		}
	}
	return false
}

// short reports whether the tickets were not there a moment ago.
func (s *shelf) short(lines []Line) bool {
	at := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	short := false
	for i := range lines {
		lines[i].debits(func(stock id.ID, qty int) {
			item, ok := s.items[stock]
			short = short || ok && item.left < qty && at.Sub(item.at) < shelfAge
		})
	}
	return short
}

// need is what a round changes in one stock.
type need struct {
	stock      id.ID
	sold, held int
}

// sum adds up what a round changes, in the order in which stock is locked.
func sum(round []*ask) []need {
	at := make(map[id.ID]int, 8)
	var out []need
	for _, a := range round {
		for i := range a.lines {
			a.lines[i].debits(func(stock id.ID, qty int) {
				n, ok := at[stock]
				if !ok {
					n = len(out)
					at[stock] = n
					out = append(out, need{stock: stock})
				}
				sold, held := a.change(qty)
				out[n].sold += sold
				out[n].held += held
			})
		}
	}
	slices.SortFunc(out, func(a, b need) int { return compareIDs(a.stock, b.stock) })
	return out
}

// compareIDs is the order in which PostgreSQL sorts them.
func compareIDs(a, b id.ID) int { return bytes.Compare(a[:], b[:]) }

// memory keeps the latest orders by key, so that a storm of repeats costs the
// database nothing. Two generations bound it.
type memory struct {
	mu       sync.Mutex
	limit    int
	new, old map[RepeatKey]*known
}

type known struct {
	body  [16]byte
	order Order
}

func newMemory(limit int) *memory { return &memory{limit: limit, new: map[RepeatKey]*known{}} }

func (m *memory) keep(a *ask, v verdict) {
	if !a.sells() || a.fresh || v.err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.new) >= m.limit {
		m.old, m.new = m.new, make(map[RepeatKey]*known, m.limit)
	}
	m.new[a.key] = &known{a.body, v.order}
}

func (m *memory) find(a *ask) (verdict, bool) {
	if !a.sells() || a.fresh {
		return verdict{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.new[a.key]
	if !ok {
		k, ok = m.old[a.key]
	}
	if !ok {
		return verdict{}, false
	}
	return repeated(a, k.body, k.order), true
}

// repeated is the answer to an ask whose key has made an order already.
func repeated(a *ask, body [16]byte, order Order) verdict {
	if body != a.body {
		return verdict{err: keyReused()}
	}
	return verdict{order: order, replayed: true}
}
