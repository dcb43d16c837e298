package analytics

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var cartStart = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// move is something that is told of a cart.
type move struct {
	Sold    bool
	Minute  int
	Hold    int // minutes after; 0: none
	Instant time.Time
}

func (m move) apply(c *cart) {
	if m.Sold {
		c.sold(m.Instant)
		return
	}
	f := cartFact{}
	if m.Hold > 0 {
		until := m.Instant.Add(time.Duration(m.Hold) * time.Minute)
		f.HoldUntil = &until
	}
	c.active(m.Instant, 1, f)
}

// Whether and when a cart counts as abandoned depends on what was told, not on the
// order in which it came, or how often.
func TestCartsDoNotMindTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) move {
			m := move{Sold: rapid.IntRange(0, 3).Draw(t, "sold") == 0, Minute: rapid.IntRange(0, 60).Draw(t, "minute"), Hold: rapid.IntRange(0, 2).Draw(t, "hold") * 10}
			m.Instant = cartStart.Add(time.Duration(m.Minute) * time.Minute)
			return m
		}), 1, 12).Draw(t, "moves")
		shuffled := rapid.Permutation(append(moves, moves[0])).Draw(t, "order")
		var a, b cart
		for _, m := range moves {
			m.apply(&a)
		}
		for _, m := range shuffled {
			m.apply(&b)
		}
		if a.pending() != b.pending() {
			t.Fatalf("pending %v and %v", a.pending(), b.pending())
		}
		if a.pending() && !a.due(15*time.Minute).Equal(b.due(15*time.Minute)) {
			t.Fatalf("due %s and %s", a.due(15*time.Minute), b.due(15*time.Minute))
		}
		var last, sold time.Time // the definition, without a cart
		for _, m := range moves {
			if m.Sold {
				sold = latest(sold, m.Instant)
			} else {
				last = latest(last, m.Instant)
			}
		}
		if a.pending() != last.After(sold) {
			t.Fatalf("pending %v; last active %s, sold %s", a.pending(), last, sold)
		}
	})
}

func TestCartIsDueWhenItsHoldEnds(t *testing.T) {
	var c cart
	c.active(cartStart, 1, cartFact{})
	if due := c.due(15 * time.Minute); !due.Equal(cartStart.Add(15 * time.Minute)) {
		t.Errorf("without a hold due at %s", due)
	}
	until := cartStart.Add(7 * time.Minute)
	c.active(cartStart.Add(time.Minute), 2, cartFact{HoldUntil: &until})
	c.active(cartStart.Add(2*time.Minute), 1, cartFact{})
	if due := c.due(15 * time.Minute); !due.Equal(until) {
		t.Errorf("with a hold due at %s", due)
	}
	f := c.abandon(until)
	if f.Items != 4 || !f.OpenedAt.Equal(cartStart) || c.pending() {
		t.Errorf("%+v, pending %v", f, c.pending())
	}
	c.active(cartStart.Add(3*time.Minute), 1, cartFact{}) // it came late: of the same session
	if c.pending() {
		t.Error("a session was opened again by its own past")
	}
	c.active(until.Add(time.Hour), 1, cartFact{})
	c.active(cartStart.Add(4*time.Minute), 5, cartFact{}) // the past again, while the next session is open
	if f := c.abandon(until.Add(2 * time.Hour)); f.Items != 1 || !f.OpenedAt.Equal(until.Add(time.Hour)) {
		t.Errorf("the next session: %+v", f)
	}
}
