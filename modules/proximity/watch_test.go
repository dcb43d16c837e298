package proximity

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// A phone that agreed is followed from zone to zone; one that did not leaves no trace.
func TestSightingsBecomeVisits(t *testing.T) {
	y := newYard(t)
	y.agree(1)
	y.stay(phone(0), "stage-1", noon, 70*time.Second)
	y.stay("stranger", "stage-1", noon, 70*time.Second)
	if n := y.number(`SELECT count(*) FROM proximity.device`); n != 1 {
		t.Errorf("%d devices are known, one agreed", n)
	}
	all, err := y.Visits(t.Context(), phone(0))
	if err != nil || len(all) != 1 || all[0].Zone != "Main stage" || !all[0].Entered.Equal(noon) || all[0].Left != nil {
		t.Fatalf("%+v %v", all, err)
	}
	if n := y.number(`SELECT count(*) FROM stream.log WHERE type = 'proximity.zones_dwelled'`); n != 1 {
		t.Errorf("%d facts of a stay of a minute", n)
	}
	y.clock.Advance(time.Minute)
	n, err := y.Sweep(t.Context())
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if all, err = y.Visits(t.Context(), phone(0)); err != nil || all[0].Left == nil || all[0].Left.Sub(noon.Add(70*time.Second)).Abs() > 2*time.Second {
		t.Errorf("left at %v, want the last sighting: %v", all[0].Left, err)
	}
	if n, err := y.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("swept again: %d %v", n, err)
	}
	if s := y.number(`SELECT round(sum(seconds)) FROM proximity.presence`); s < 68 || s > 105 {
		t.Errorf("%d seconds on the grid", s)
	}
}

// Who enters gets the offer once, in the same transaction; its push is a job of that
// transaction.
func TestAnEntryFiresAnOffer(t *testing.T) {
	y := newYard(t)
	y.agree(2)
	o := y.barOffer()
	y.stay(phone(0), "stage-1", noon, 20*time.Second)
	y.stay(phone(1), "bar-1", noon, 20*time.Second)
	given, err := y.Vouchers(t.Context(), phone(0))
	if err != nil || len(given) != 1 || given[0].Offer != o.ID || given[0].Status != VoucherIssued {
		t.Fatalf("%+v %v", given, err)
	}
	if other, err := y.Vouchers(t.Context(), phone(1)); err != nil || len(other) != 0 {
		t.Errorf("who is at the bar got %+v %v", other, err)
	}
	if n := y.number(`SELECT count(*) FROM proximity.decision WHERE voucher IS NOT NULL AND propensity > 0`); n != 1 {
		t.Errorf("%d decisions were logged", n)
	}
	if n := y.number(`SELECT count(*) FROM stream.log WHERE type = 'proximity.voucher_issued'`); n != 1 {
		t.Errorf("%d facts", n)
	}
}

// Whoever is held out gets nothing and is written down; the same people every time.
func TestHoldout(t *testing.T) {
	y := newYard(t)
	y.agree(60)
	o := y.barOffer(func(o *Offer) { o.Holdout = 0.3 })
	for i := range 60 {
		y.stay(phone(i), "stage-1", noon, 6*time.Second)
	}
	held := y.number(`SELECT count(*) FROM proximity.decision WHERE holdout AND voucher IS NULL`)
	want := 0
	for i := range 60 {
		if o.holdsOut(phone(i)) {
			want++
		}
	}
	if issued := y.number(`SELECT count(*) FROM proximity.voucher`); held != want || issued != 60-want || want < 6 || want > 32 {
		t.Errorf("%d held out, want %d; %d issued", held, want, issued)
	}
}

// Withdrawing a consent removes what is known, by the pseudonym; forgetting an event destroys
// the key, so that nothing can be found by it any more.
func TestWithdrawAndForget(t *testing.T) {
	y := newYard(t)
	y.agree(2)
	y.barOffer()
	for i := range 2 {
		y.stay(phone(i), "stage-1", noon, 20*time.Second)
	}
	y.must(y.Withdraw(t.Context(), phone(0)))
	if _, err := y.Visits(t.Context(), phone(0)); !fault.Is(err, fault.NotFound) {
		t.Errorf("visits after the consent: %v", err)
	}
	if v, d, p := y.number(`SELECT count(*) FROM proximity.visit`), y.number(`SELECT count(*) FROM proximity.device`), y.number(`SELECT count(DISTINCT ref) FROM proximity.presence`); v != 1 || d != 1 || p != 1 {
		t.Errorf("%d visits, %d devices, %d in the grid are left of two people", v, d, p)
	}
	y.must(y.Forget(t.Context(), phone(0)))
	if n := y.number(`SELECT count(*) FROM proximity.voucher WHERE installation = $1`, phone(0)); n != 0 {
		t.Errorf("%d vouchers still name the phone", n)
	}
	y.clock.Advance(6*time.Hour + 25*time.Hour)
	y.must(y.Retain(t.Context()))
	e, err := y.Event(t.Context(), "summer")
	if err != nil || e.Forgotten == nil || e.sealed != nil || y.number(`SELECT count(*) FROM proximity.device`) != 0 {
		t.Errorf("%+v %v", e, err)
	}
	if n := y.number(`SELECT count(*) FROM proximity.visit`); n != 1 {
		t.Errorf("%d visits: they stay for 30 days", n)
	}
	y.clock.Advance(31 * 24 * time.Hour)
	y.must(y.Retain(t.Context()))
	if n := y.number(`SELECT count(*) FROM proximity.visit`); n != 0 {
		t.Errorf("%d visits after 30 days", n)
	}
}

// A position by satellite counts where the plan lies on earth.
func TestFixesEnterZones(t *testing.T) {
	y := newYard(t)
	y.agree(1)
	at := y.venue.Origin.onEarth(Point{25, 25})
	if x, v := y.venue.Origin.onPlan(at[1], at[0]); x < 24.99 || x > 25.01 || v < 24.99 || v > 25.01 {
		t.Fatalf("there and back: %g %g", x, v)
	}
	fix := func(after time.Duration) stream.Fact {
		f := y.sighting(phone(0), "", 0, noon.Add(after))
		f.Type, f.Data = "location.fix", []byte(`{"installation":"phone-0","lat":`+number(at[1])+`,"lon":`+number(at[0])+`,"accuracy":5}`)
		return f
	}
	y.listen(fix(0), fix(10*time.Second))
	all, err := y.Visits(t.Context(), phone(0))
	if err != nil || len(all) != 1 || all[0].Zone != "Main stage" {
		t.Errorf("%+v %v", all, err)
	}
}

// A policy knows the segment that the consent names, else the one analytics put the person in.
func TestAPolicyKnowsThePersonsSegment(t *testing.T) {
	y := newYard(t)
	y.agree(3)
	_, err := y.db.Pool().Exec(t.Context(), `UPDATE proximity.consent SET person = 'person-1', segment = CASE WHEN installation = $1 THEN 'vip' ELSE '' END WHERE installation <> $2`, phone(0), phone(2))
	y.must(err)
	y.barOffer()
	for i, want := range []string{"vip", "segment 3", ""} {
		y.stay(phone(i), "stage-1", noon, 10*time.Second)
		var got string
		y.must(y.db.Pool().QueryRow(t.Context(), `SELECT coalesce(context #>> '{context,segment}', '') FROM proximity.decision ORDER BY id DESC LIMIT 1`).Scan(&got))
		if got != want {
			t.Errorf("%s is in segment %q, want %q", phone(i), got, want)
		}
	}
}
