package sales

import (
	"context"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/seating"
)

// snapshotAge is how old the catalogue may be that buyers are priced by.
const snapshotAge = time.Second

// shelfEvent is an event as it was a moment ago, for the hot path: its categories
// with what their tickets take, their seats, and the codes asked for.
type shelfEvent struct {
	Event
	queues map[id.ID]bool // categories with a waiting list that comes first
	rises  rises          // prices that may go up
	unpaid bool           // nobody takes money for it: only what is free can be bought here

	mu    sync.Mutex
	codes map[string]Code
	seats map[id.ID][]Seat
	grids map[id.ID][][]bool // free seats by category, less those just suggested
}

// shelves keeps snapshots by event.
type shelves struct {
	mu    sync.Mutex
	items map[id.ID]*shelfItem
}

type shelfItem struct {
	mu   sync.Mutex // held while it is read: one query at a time, however many ask
	at   time.Time
	held *shelfEvent
}

// shelvesKept bounds how many events a process remembers.
const shelvesKept = 1000

func newShelves() *shelves { return &shelves{items: map[id.ID]*shelfItem{}} }

func (s *shelves) item(event id.ID) *shelfItem {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items[event] == nil {
		if len(s.items) >= shelvesKept {
			clear(s.items)
		}
		s.items[event] = &shelfItem{}
	}
	return s.items[event]
}

// forget makes the next look at an event a fresh one, in this process.
func (s *shelves) forget(event id.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, event)
}

// snapshot is the event at most snapshotAge old. It is shared: nobody may change
// it. Errors: fault.NotFound, fault.Transient.
func (s *Service) snapshot(ctx context.Context, event id.ID) (*shelfEvent, error) {
	item := s.shelves.item(event)
	item.mu.Lock()
	defer item.mu.Unlock()
	now := s.db.Now()
	if item.held != nil && now.Sub(item.at) < snapshotAge {
		return item.held, nil
	}
	e, err := s.Event(ctx, event)
	if err != nil {
		s.shelves.forget(event) // a stranger's guesses must not fill the memory
		return nil, err
	}
	fresh := &shelfEvent{Event: e, codes: map[string]Code{}, grids: map[id.ID][][]bool{}, unpaid: len(s.waysToPay(&e)) == 0}
	if fresh.seats, err = s.seatsOf(ctx, seatedOf(&e)); err != nil {
		return nil, err
	}
	for category, seats := range fresh.seats {
		fresh.grids[category] = gridOf(seats)
	}
	if fresh.rises, err = s.risesOf(ctx, event); err != nil {
		return nil, err
	}
	if e.WaitingFirst {
		if fresh.queues, err = s.categoriesWaitedFor(ctx, event); err != nil {
			return nil, err
		}
	}
	item.held, item.at = fresh, now
	return fresh, nil
}

func seatedOf(e *Event) []id.ID {
	var out []id.ID
	for i := range e.Categories {
		if e.Categories[i].Seated() {
			out = append(out, e.Categories[i].ID)
		}
	}
	return out
}

// gridOf is which seats are free, by row and column from 0.
func gridOf(seats []Seat) [][]bool {
	var grid [][]bool
	for _, s := range seats {
		for len(grid) < s.Row {
			grid = append(grid, nil)
		}
		grid[s.Row-1] = append(grid[s.Row-1], s.Free)
	}
	return grid
}

// suggest chooses n seats of a category, and does not choose them again for
// somebody else while this snapshot lives. nil: there are not enough.
func (e *shelfEvent) suggest(category id.ID, n int) []id.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	grid := e.grids[category]
	places := seating.Best(grid, n)
	if places == nil {
		return nil
	}
	at := make(map[seating.Place]id.ID, len(e.seats[category]))
	for _, s := range e.seats[category] {
		at[seating.Place{Row: s.Row - 1, Column: s.Column - 1}] = s.ID
	}
	out := make([]id.ID, n)
	for i, p := range places {
		grid[p.Row][p.Column] = false
		out[i] = at[p]
	}
	return out
}

// hasSeat reports whether a seat belongs to a category.
func (e *shelfEvent) hasSeat(category, seat id.ID) bool {
	for _, s := range e.seats[category] {
		if s.ID == seat {
			return true
		}
	}
	return false
}
