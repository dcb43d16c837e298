package proximity

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/choice"
)

// Whoever came to the stall's queue within the time of a choice is rewarded, held out or not;
// who came later or not at all is none.
func TestRewards(t *testing.T) {
	y := newYard(t)
	y.agree(40)
	o := y.barOffer(func(o *Offer) { o.Holdout = 0.5 })
	for i := range 40 {
		y.stay(phone(i), "stage-1", noon, 4*time.Second)
	}
	for i := range 20 { // the even ones come in time, also those who were held out
		y.stay(phone(2*i), "bar-1", noon.Add(3*time.Minute), 4*time.Second)
	}
	y.clock.Advance(20 * time.Minute)
	y.must(y.Learn(t.Context()))
	lift, err := y.UpliftOf(t.Context(), o.ID)
	if came := y.number(`SELECT count(*) FROM proximity.decision WHERE reward = 1`); err != nil || came != 20 || lift.Sent+lift.Held != 40 || lift.Held != y.number(`SELECT count(*) FROM proximity.decision WHERE holdout`) {
		t.Errorf("%d came: %+v %v", came, lift, err)
	}
	if n := y.number(`SELECT count(*) FROM proximity.policy WHERE active AND state IS NOT NULL`); n != 1 {
		t.Error("the active policy has learnt nothing")
	}
	if words := liftWords(lift); lift.Enough == strings.Contains(words, "Too few") {
		t.Error(words)
	}
}

// A policy that the log does not show to be better stays out, unless somebody insists.
func TestAPolicyIsJudgedBeforeItDecides(t *testing.T) {
	y := newYard(t)
	if err := y.ChoosePolicy(t.Context(), "linucb", false); !fault.Is(err, fault.Conflict) {
		t.Errorf("without any data: %v", err)
	}
	if err := y.ChoosePolicy(t.Context(), "clairvoyant", true); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	y.log(400)
	all, err := y.Policies(t.Context())
	if err != nil || len(all) != 3 || all[0].Value == nil || all[1].Verdict == nil {
		t.Fatalf("%+v %v", all, err)
	}
	y.must(y.ChoosePolicy(t.Context(), "segments", true))
	y.must(y.Learn(t.Context()))
	y.must(y.in(func(tx *db.Tx) error {
		p, err := y.activePolicy(tx)
		if err == nil && p.Name() != "segments" {
			t.Errorf("%s decides", p.Name())
		}
		return err
	}))
}

// log writes n past decisions among two offers, one of which draws.
func (y *yard) log(n int) {
	y.t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	good, bad := id.New(), id.New()
	y.must(y.in(func(tx *db.Tx) error {
		made := make([]decision, n)
		for i := range made {
			options := []choice.Option{{Kind: choice.None}, {Offer: good.String(), Kind: choice.Amount, Value: 100}, {Offer: bad.String(), Kind: choice.Amount, Value: 100}}
			rec, err := choice.Decide(choice.Uniform{}, choice.Context{Segment: fmt.Sprint(i % 2)}, options, r.Float64())
			if err != nil {
				return err
			}
			made[i] = decision{ID: id.New(), Record: rec, Offers: []id.ID{good, bad}, DueAt: noon}
		}
		return insertDecisions(tx, y.event.ID, made)
	}))
	_, err := y.db.Pool().Exec(y.t.Context(), `UPDATE proximity.decision SET reward = CASE WHEN (context ->> 'chosen') = '1' AND random() < .6 THEN 1 ELSE 0 END`)
	y.must(err)
}
