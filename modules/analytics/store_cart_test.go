package analytics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

func cartMove(kind, cart string, at time.Time, more map[string]any) happening {
	data := map[string]any{"cart": cart, "event": "gig"}
	maps.Copy(data, more)
	return happening{kind: kind, key: cart, at: at, received: at, data: data}
}

// passes moves the clock, and lets the process handle and judge everything.
func (r watchRig) passes(s *Service, d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	r.handled(s)
	r.must(s.Judge(r.t.Context()))
}

func TestAbandonedCartsAreAnnouncedOnce(t *testing.T) {
	r := newWatchRig(t)
	s := r.watcher(Defaults(), nil)
	stop := r.run(s)
	now := r.clock.Now()
	r.happen(
		cartMove("cart.opened", "left", now, map[string]any{"customer": "c7"}),
		cartMove("cart.item_added", "left", now.Add(time.Second), map[string]any{"quantity": 3}),
		cartMove("cart.opened", "bought", now, nil),
		cartMove("cart.item_added", "bought", now, nil),
		cartMove("sale.completed", "bought", now.Add(time.Minute), nil),
		cartMove("cart.item_added", "held", now, map[string]any{"hold_until": now.Add(5 * time.Minute)}),
		cartMove("cart.item_added", "given up", now, nil),
		cartMove("cart.abandoned", "given up", now.Add(time.Second), nil),
		happening{kind: "sale.completed", key: "till", at: now, received: now, data: map[string]any{"event": "gig"}},
		happening{kind: "cart.opened", key: "x", at: now, received: now, data: map[string]any{"cart": 7}},
	)
	expect := func(when string, want ...string) []facts.CartAbandoned {
		t.Helper()
		got := announced[facts.CartAbandoned](r)
		names := []string{}
		for _, f := range got {
			names = append(names, f.Cart)
		}
		if fmt.Sprint(names) != fmt.Sprint(want) {
			t.Fatalf("%s: %v, want %v", when, names, want)
		}
		return got
	}
	r.passes(s, time.Minute)
	expect("after 1 min", "given up") // the shop said so
	r.passes(s, 4*time.Minute)
	expect("at the end of the hold", "given up") // what comes late may still come
	r.passes(s, time.Minute)
	expect("after 6 min", "given up", "held")
	stop() // a restart while the timer runs
	s = r.watcher(Defaults(), nil)
	r.run(s)
	r.passes(s, 10*time.Minute)
	got := expect("after 16 min", "given up", "held", "left")[2]
	if got.Shop != "test" || got.Event != "gig" || got.Customer != "c7" || got.Items != 3 || !got.OpenedAt.Equal(now) || !got.At.Equal(now.Add(15*time.Minute+time.Second)) {
		t.Errorf("%+v", got)
	}
	r.happen(cartMove("sale.completed", "left", r.clock.Now(), nil)) // bought after all
	r.passes(s, time.Hour)
	expect("after an hour", "given up", "held", "left")
	r.happen(cartMove("cart.item_added", "left", r.clock.Now(), nil)) // and again
	r.passes(s, time.Hour)
	expect("a session later", "given up", "held", "left", "left")
}

// Processes that fail and judge at random announce each cart that was left exactly
// once, and none that was bought.
func TestModelOfCarts(t *testing.T) {
	r := newWatchRig(t)
	rnd := rand.New(rand.NewPCG(3, 9))
	var mu sync.Mutex
	moody := func(l stream.Listener) stream.Listener {
		handle := l.Handle
		l.Batch, l.Workers = 5, 2
		l.Handle = func(ctx context.Context, tx *db.Tx, all []stream.Fact) error {
			if err := handle(ctx, tx, all); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if rnd.IntN(4) == 0 {
				return errors.New("not in the mood")
			}
			return nil
		}
		return l
	}
	one, two := r.watcher(Defaults(), moody), r.watcher(Defaults(), moody)
	r.run(one)
	stopTwo := r.run(two)
	left := map[string]bool{}
	for round := range 12 {
		now := r.clock.Now()
		var all []happening
		for i := range 6 {
			name := fmt.Sprintf("cart-%d-%d", round, i)
			opened := cartMove("cart.opened", name, now, nil)
			added := cartMove("cart.item_added", name, now.Add(time.Second), nil)
			all = append(all, opened, added)
			left[name] = true
			if i%2 == 0 { // bought; the shop's other system tells, so the order is open
				sold := cartMove("sale.completed", name, now.Add(2*time.Second), nil)
				sold.key = fmt.Sprint("order-", round, i)
				all = append(all, sold)
				delete(left, name)
			}
		}
		mu.Lock()
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		mu.Unlock()
		r.happen(all...)
		r.clock.Advance(5 * time.Minute)
		r.handled(one)
		r.judgeTwice(one)
		if round == 6 {
			stopTwo()
		}
	}
	r.passes(one, time.Hour)
	// A session that was cut off may still hold carts, which Judge leaves for later.
	for patience := time.Now().Add(20 * time.Second); time.Now().Before(patience) && len(announced[facts.CartAbandoned](r)) < len(left); {
		r.must(one.Judge(t.Context()))
	}
	r.must(one.Judge(t.Context()))
	seen := map[string]int{}
	for _, f := range announced[facts.CartAbandoned](r) {
		seen[f.Cart]++
	}
	for name, n := range seen {
		if n != 1 || !left[name] {
			t.Errorf("%s was announced %d times; left: %v", name, n, left[name])
		}
	}
	if len(seen) != len(left) {
		t.Errorf("%d carts were announced, %d were left", len(seen), len(left))
	}
}

// Facts of one cart may lie in several partitions: who follows one of them waits
// for the other, or one would undo what the other did.
func TestACartIsFollowedByOneAtATime(t *testing.T) {
	r := newWatchRig(t)
	key := []cartKey{{"shop", "1"}}
	hold := func(tx *db.Tx) error { _, err := lockCarts(tx, key); return err }
	r.must(r.db.InTx(t.Context(), hold))
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		r.must(hold(tx))
		err := r.db.InTx(t.Context(), func(other *db.Tx) error {
			if _, err := other.Conn().Exec(t.Context(), `SET LOCAL lock_timeout = '50ms'`); err != nil {
				return err
			}
			return hold(other)
		})
		if err == nil {
			t.Error("two transactions hold one cart")
		}
		return nil
	}))
}
