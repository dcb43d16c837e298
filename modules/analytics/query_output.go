package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// Output is what a standing query says about one window of one key.
type Output struct {
	Query string    `json:"query"`
	Key   string    `json:"key"`   // "" where the query has no key; "other" for keys beyond its limit
	Start time.Time `json:"start"` // the window is (start, end]; a session's start is its first fact
	End   time.Time `json:"end"`
	// Value is the aggregate; nil where it has none, such as the variance of one fact.
	Value *float64 `json:"value"`
	// Revision is how many facts the window holds: a provisional output with a
	// higher one replaces a lower one, and the final one has the highest.
	Revision int64 `json:"revision"`
	// Complete is false for a window that began before the query did.
	Complete bool       `json:"complete"`
	FinalAt  *time.Time `json:"final_at,omitempty"` // nil while provisional
	// Replayed marks windows of the past that a replay made final again: they are
	// no news.
	Replayed bool `json:"-"`
}

// FinalConsumer handles outputs of one standing query that have just become
// final, ordered by end and key, in the transaction that stores them: what it
// writes and announces through tx happens exactly once. When it fails the outputs
// stay unstored and come again a second later.
type FinalConsumer func(ctx context.Context, tx *db.Tx, finals []Output) error

// OnFinal registers a consumer of final outputs. Call it before Run.
func (s *Service) OnFinal(c FinalConsumer) { s.consumers = append(s.consumers, c) }
