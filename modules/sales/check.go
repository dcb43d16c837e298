package sales

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Books is what a check of the books found: whether what is counted as sold and held
// is what tickets and carts say. The hot tables have no foreign keys, for they would
// cost half the rate of an on-sale, so somebody has to look.
type Books struct {
	Stocks int        // looked at
	Orders int        // and orders
	Wrong  int        // of both
	Some   []Mismatch // of the wrong ones, at most maxMismatches
	At     time.Time
}

// Mismatch is one thing that does not agree.
type Mismatch struct {
	What   string // category, pool, level, seat, cart, capacity or order
	ID     id.ID
	Counts int // what the stock, or the order, says
	Found  int // what tickets and carts say
}

const maxMismatches = 20

// String is for a line of a log.
func (m Mismatch) String() string {
	return fmt.Sprintf("%s %s counts %d, found %d", m.What, m.ID, m.Counts, m.Found)
}

// OK reports whether everything agrees.
func (b Books) OK() bool { return b.Wrong == 0 }

// ledger keeps what the last check of this process found.
type ledger struct {
	mu   sync.Mutex
	last Books
}

// LastBooks is what the last check in this process found; its At is zero before the first.
func (s *Service) LastBooks() Books {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	return s.books.last
}

// checkBooks looks, remembers, and tells the log of what is wrong. It mends nothing:
// which side is right is for people to find out.
func (s *Service) checkBooks(ctx context.Context) error {
	b, err := CheckBooks(ctx, s.db)
	if err != nil {
		return err
	}
	s.books.mu.Lock()
	s.books.last = b
	s.books.mu.Unlock()
	if !b.OK() {
		s.log.Error("what is counted as sold or held does not agree with tickets and carts", "wrong", b.Wrong, "some", b.Some)
	}
	return nil
}
