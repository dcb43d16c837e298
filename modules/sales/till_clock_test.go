package sales

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/faulttest"
)

// The machine's clock jumps hours ahead and back while people buy. Carts live by
// PostgreSQL's clock: each is confirmed, repetitions are recognised, the books agree.
func TestClockJumpsDuringASale(t *testing.T) {
	clk := clock.At(time.Now().UTC().Truncate(time.Microsecond))
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(clk)))
	c := h.category(10_000)
	const buyers, each = 8, 25
	var all sync.WaitGroup
	for b := range buyers {
		all.Go(func() {
			for i := range each {
				p := h.purchase(fmt.Sprintf("%d-%d", b, i), Line{Category: c, Qty: 1 + i%2, UnitMinor: 100})
				cart, _, err := h.Hold(t.Context(), p)
				if err != nil {
					t.Error(err)
					return
				}
				hours := time.Duration(3-6*(i%2)) * time.Hour
				clk.Advance(hours)
				o, _, err := h.Confirm(t.Context(), cart.ID, p)
				if err != nil {
					t.Errorf("after a jump of %s: %v", hours, err)
					return
				}
				if again, replayed, err := h.Confirm(t.Context(), cart.ID, p); err != nil || !replayed || again.ID != o.ID {
					t.Errorf("repeated: %v, %v, %v", again.ID, replayed, err)
				}
			}
		})
	}
	all.Wait()
	kept := h.number(`SELECT count(*) FROM sales.orders`)
	h.audit()
	faulttest.Row{Fault: "the clock jumps three hours ahead and back, during a sale", Injected: buyers * each, Acknowledged: buyers * each,
		Lost: max(buyers*each-kept, 0), Doubled: max(kept-buyers*each, 0)}.Report(t)
}
