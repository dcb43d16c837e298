package proximity

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Whatever is tried at once, a voucher is redeemed once, its fact announced once, and the
// budget is what was issued.
func TestConcurrentRedemptions(t *testing.T) {
	const codes, attempts = 100, 4000
	y := newYard(t)
	o := y.barOffer(func(o *Offer) { o.Limits = Limits{BudgetMinor: codes * 200, PerPerson: 1} })
	all := y.give(o, codes+20)
	if len(all) != codes {
		t.Fatalf("%d vouchers were issued within a budget of %d", len(all), codes)
	}
	var next, won, refused atomic.Int64
	var tills sync.WaitGroup
	for range 12 {
		tills.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= attempts {
					return
				}
				_, err := y.redeem(all[i*7%codes].Code, []string{"bar-till-1", "Bar-Till-2"}[i%2])
				switch {
				case err == nil:
					won.Add(1)
				case fault.Is(err, fault.Conflict):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	tills.Wait()
	redeemed := y.number(`SELECT count(*) FROM proximity.voucher WHERE status = 'redeemed'`)
	told := y.number(`SELECT count(*) FROM stream.log WHERE type = 'proximity.voucher_redeemed'`)
	spent := y.number(`SELECT committed FROM proximity.offer WHERE id = $1`, o.ID)
	if won.Load() != codes || redeemed != codes || told != codes || refused.Load() != attempts-codes || spent != codes*200 {
		t.Errorf("won %d, redeemed %d, told %d, refused %d, committed %d", won.Load(), redeemed, told, refused.Load(), spent)
	}
}

// Expiry gives back what a voucher reserved, also in the total, and only once; a voucher
// that was redeemed keeps it.
func TestExpiryReleasesTheBudget(t *testing.T) {
	y := newYard(t)
	o := y.barOffer(func(o *Offer) { o.Limits = Limits{Total: 3, BudgetMinor: 600} })
	all := y.give(o, 5)
	if len(all) != 3 {
		t.Fatal(len(all))
	}
	_, err := y.redeem(all[0].Code, "bar-till-1")
	y.must(err)
	y.clock.Advance(5*time.Minute + time.Second)
	for _, want := range []int{2, 0} {
		if n, err := y.Expire(t.Context()); err != nil || n != want {
			t.Fatal(n, err, want)
		}
	}
	if o, err = y.Offer(t.Context(), o.ID); err != nil || o.Issued != 1 || o.Committed != 200 {
		t.Errorf("%d issued, %d committed: %v", o.Issued, o.Committed, err)
	}
	if _, err := y.redeem(all[1].Code, "bar-till-1"); !fault.Is(err, fault.Conflict) {
		t.Errorf("an expired voucher: %v", err)
	}
	if again := y.give(o, 3); len(again) != 0 {
		t.Errorf("%d people who let one pass were asked again", len(again))
	}
}

// A till that has a voucher locked is alone with it for a minute, and may finish although
// the validity ends meanwhile; another stall's till never gets it.
func TestLockAtATill(t *testing.T) {
	y := newYard(t)
	v := y.give(y.barOffer(), 1)[0]
	lock := func(till string) error {
		return y.in(func(tx *db.Tx) error { _, err := y.Lock(tx, v.Code, till); return err })
	}
	if err := lock("pizza"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a till of no stall of the offer: %v", err)
	}
	y.clock.Advance(4*time.Minute + 40*time.Second)
	y.must(lock("bar-till-1"))
	if err := lock("bar-till-2"); !fault.Is(err, fault.Conflict) {
		t.Errorf("locked twice: %v", err)
	}
	if _, err := y.redeem(v.Code, "bar-till-2"); !fault.Is(err, fault.Conflict) {
		t.Errorf("redeemed beside the lock: %v", err)
	}
	y.clock.Advance(30 * time.Second)
	if n, err := y.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("a locked voucher expired: %d %v", n, err)
	}
	y.must(lock("bar-till-1")) // does not begin anew
	y.clock.Advance(29 * time.Second)
	if _, err := y.redeem(v.Code[:4]+" "+v.Code[4:8]+"-"+v.Code[8:], "bar-till-1"); err != nil {
		t.Errorf("the till that holds the lock, and a code typed with spaces: %v", err)
	}
}

// A voucher is pushed once, however often its job runs, with its validity as the time it
// may be kept; one that has expired before is not pushed, and its budget comes back.
func TestPushOnce(t *testing.T) {
	y := newYard(t)
	o := y.barOffer()
	all := y.give(o, 2)
	ids := []id.ID{all[0].ID, all[1].ID}
	y.hub.fail = fault.E("test", fault.Transient, "the hub is away", nil)
	if err := y.pushVouchers(t.Context(), ids); !fault.Is(err, fault.Transient) {
		t.Fatalf("a hub that is away: %v", err)
	}
	y.hub.fail = nil
	var jobs sync.WaitGroup
	for range 4 {
		jobs.Go(func() {
			if err := y.pushVouchers(t.Context(), ids); err != nil {
				t.Error(err)
			}
		})
	}
	jobs.Wait()
	if len(y.hub.sent) != 2 || !y.hub.sent[0].expires.Equal(all[0].ValidUntil) || y.hub.sent[0].template != "voucher" {
		t.Errorf("pushed %+v", y.hub.sent)
	}
	late := y.give(y.barOffer(func(o *Offer) { o.Name = "later" }), 1)
	y.clock.Advance(time.Hour)
	y.must(y.pushVouchers(t.Context(), []id.ID{late[0].ID}))
	if n, err := y.Expire(t.Context()); len(y.hub.sent) != 2 || n != 3 || err != nil {
		t.Errorf("%d pushed, %d expired: %v", len(y.hub.sent), n, err)
	}
	if n := y.number(`SELECT count(*) FROM queue.outbox WHERE name = 'proximity:push'`); n != 2 {
		t.Errorf("%d jobs were enqueued with the vouchers, want 2", n)
	}
}
