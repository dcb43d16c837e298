package proximity

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/choice"
)

// queueFor is how long an estimate of a queue says something of it.
const queueFor = 5 * time.Minute

// aftermath is how long after a voucher's end somebody may still come because of it.
const aftermath = 10 * time.Minute

// decision is a choice that a policy made for one phone, and what it knew then.
type decision struct {
	ID      id.ID
	ref     ref
	Record  choice.Record
	Offers  []id.ID // the action set, beside none
	Chosen  *id.ID  // what the policy drew; nil: none
	Holdout bool    // it was not given, to compare with
	Voucher *id.ID
	DueAt   time.Time // the reward is known from here
}

// decide lets the policy choose an offer, or none, for each candidate, and gives what was
// chosen. One in ten (Offer.Holdout) is chosen for and gets nothing: what they do is what the
// others are compared with. Devices that were decided about are marked; the caller writes them.
func (s *Service) decide(tx *db.Tx, sc *scene, all []*candidate) error {
	queues, err := queuesByStall(tx, sc)
	if err != nil {
		return err
	}
	asked := all[:0]
	for _, c := range all {
		if c.offers = sc.allowed(tx.Now(), c, queues); len(c.offers) > 0 {
			asked = append(asked, c)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	past, err := pastOf(tx, sc.ID, asked)
	if err != nil {
		return err
	}
	policy, err := s.activePolicy(tx)
	if err != nil {
		return err
	}
	if err := s.placeInSegments(tx, asked); err != nil {
		return err
	}
	made := make([]decision, len(asked))
	for i, c := range asked {
		if made[i], err = choose(tx, policy, c, sc.situation(tx.Now(), c, queues, past[c.device.installation])); err != nil {
			return err
		}
	}
	return s.grant(tx, sc, asked, made)
}

// placeInSegments looks up the segments of those whose consent names none.
func (s *Service) placeInSegments(tx *db.Tx, asked []*candidate) error {
	var persons []string
	for _, c := range asked {
		if c.device.segment == "" && c.device.person != "" {
			persons = append(persons, c.device.person)
		}
	}
	if len(persons) == 0 || s.kind == nil {
		return nil
	}
	known, err := s.kind.SegmentsOf(tx.Ctx(), persons)
	if err != nil {
		return err
	}
	for _, c := range asked {
		if c.device.segment == "" {
			c.device.segment = known[c.device.person]
		}
	}
	return nil
}

// allowed are the candidate's offers that no quiet rule forbids now. Whatever the occasion,
// nobody is led to a queue that is long.
func (sc *scene) allowed(now time.Time, c *candidate, queues map[string]Queue) []*Offer {
	kept := c.offers[:0]
	for _, o := range c.offers {
		last := time.Duration(o.Quiet.LastMinutes * float64(time.Minute))
		switch {
		case c.device.offeredAt != nil && now.Sub(*c.device.offeredAt) < o.gap():
		case sc.EndsAt.Sub(now) < last:
		case o.Stall != "" && queues[o.Stall].Long != nil:
		default:
			kept = append(kept, o)
		}
	}
	return kept
}

// situation is what a policy may know of a candidate now.
func (sc *scene) situation(now time.Time, c *candidate, queues map[string]Queue, past history) choice.Context {
	x := choice.Context{Segment: c.device.segment, Hour: now.Sub(sc.OpensAt).Hours(), Purchases: float64(past.redeemed)}
	if z := sc.site.zones[c.device.zone]; z != nil {
		x.Zone = z.Name
	}
	known := 0.0
	for _, o := range c.offers {
		if q, ok := queues[o.Stall]; ok && q.Known {
			x.Queue, known = x.Queue+q.People, known+1
		}
	}
	if known > 0 {
		x.Queue /= known // of the stalls where the offers are good
	}
	return x
}

// evenValue is what a visit is worth where the promoter does not say: then all offers are
// worth the same, and the likeliest wins.
const evenValue = 100

// option is the offer as a policy sees it.
func (o *Offer) option(held bool) choice.Option {
	c := choice.Option{Offer: o.ID.String(), Kind: choice.Kind(o.Grant.Kind), Value: float64(o.EarnsMinor), Held: held}
	if o.Grant.Kind == GrantPercent {
		c.Depth = float64(o.Grant.Percent) / 100
	}
	if c.Value == 0 {
		c.Value = evenValue
	}
	return c
}

// choose asks the policy.
func choose(tx *db.Tx, policy choice.Policy, c *candidate, x choice.Context) (d decision, err error) {
	d = decision{ID: id.New(), ref: c.device.ref, Offers: make([]id.ID, len(c.offers)), DueAt: tx.Now().Add(aftermath)}
	options := []choice.Option{{Kind: choice.None}}
	for i, o := range c.offers {
		d.Offers[i] = o.ID
		options = append(options, o.option(o.holdsOut(c.device.installation)))
		if o.EarnsMinor > 0 { // who comes without a voucher pays in full
			options[0].Value = max(options[0].Value, float64(o.EarnsMinor+o.Grant.WorthMinor))
		}
	}
	if d.Record, err = choice.Decide(policy, x, options, rand.Float64()); err != nil {
		return d, err
	}
	d.Record.At = tx.Now()
	if i := d.Record.Intended; i > 0 {
		o := c.offers[i-1]
		d.Chosen, d.Holdout, d.DueAt = &o.ID, options[i].Held, tx.Now().Add(o.validity()+aftermath)
	}
	return d, nil
}

// holdsOut reports whether a person is of those who never get this offer: by a hash, so
// that it is always the same for the two, and unrelated for another offer.
func (o *Offer) holdsOut(installation string) bool {
	if o.Holdout <= 0 {
		return false
	}
	sum := sha256.Sum256(append(append([]byte("holdout/"), o.ID[:]...), installation...))
	return float64(binary.BigEndian.Uint64(sum[:8]))/(1<<64) < o.Holdout
}

// grant issues what was chosen and writes the choices down. A choice whose voucher the
// offer's limits refused never took place.
func (s *Service) grant(tx *db.Tx, sc *scene, asked []*candidate, made []decision) error {
	var wanted []grantee
	for i, d := range made {
		if d.Chosen != nil && !d.Holdout {
			wanted = append(wanted, grantee{*d.Chosen, asked[i].device.installation, asked[i].device.app, d.ID})
		}
	}
	given, err := s.issue(tx, wanted)
	if err != nil {
		return err
	}
	kept := made[:0]
	for i, d := range made {
		if d.Chosen != nil && !d.Holdout {
			v, ok := given[grantee{*d.Chosen, asked[i].device.installation, asked[i].device.app, d.ID}]
			if !ok {
				continue
			}
			d.Voucher = &v.ID
		}
		if d.Chosen != nil {
			now := tx.Now()
			asked[i].device.offeredAt = &now
		}
		kept = append(kept, d)
	}
	return insertDecisions(tx, sc.ID, kept)
}
