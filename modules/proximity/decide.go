package proximity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// queueFor is how long an estimate of a queue says something of it.
const queueFor = 5 * time.Minute

// aftermath is how long after a voucher's end somebody may still come because of it.
const aftermath = 10 * time.Minute

// decision is a choice that a policy made for one phone, and what it knew then.
type decision struct {
	ID         id.ID
	ref        ref
	Policy     string
	Offers     []id.ID // the action set, beside none
	Context    situation
	Chosen     *id.ID // nil: none
	Propensity float64
	Holdout    bool
	Voucher    *id.ID
	DueAt      time.Time // the reward is known from here
}

// situation is what a policy may know of a person and the moment.
type situation struct {
	Minutes  float64            `json:"minutes"` // since the event opened
	Left     float64            `json:"left"`    // minutes until it ends
	Stayed   float64            `json:"stayed"`  // minutes in the zone
	Kind     string             `json:"kind"`    // of the zone; "": in none
	Segment  string             `json:"segment,omitempty"`
	Redeemed int                `json:"redeemed"`         // vouchers before, at this event
	Lapsed   int                `json:"lapsed"`           // vouchers before that were let pass
	Queues   map[string]float64 `json:"queues,omitempty"` // people who wait, by offer with a stall
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
	made := make([]decision, len(asked))
	for i, c := range asked {
		made[i] = s.choose(tx, sc, policy, c, sc.situation(tx.Now(), c, queues, past[c.device.installation]))
	}
	return s.grant(tx, sc, asked, made)
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

// situation describes a candidate now.
func (sc *scene) situation(now time.Time, c *candidate, queues map[string]Queue, past history) situation {
	x := situation{Minutes: now.Sub(sc.OpensAt).Minutes(), Left: sc.EndsAt.Sub(now).Minutes(), Segment: c.device.segment, Redeemed: past.redeemed, Lapsed: past.lapsed}
	if z := sc.site.zones[c.device.zone]; z != nil {
		x.Kind = z.Kind
	}
	if c.device.since != nil {
		x.Stayed = now.Sub(*c.device.since).Minutes()
	}
	for _, o := range c.offers {
		if q, ok := queues[o.Stall]; ok && q.Known {
			if x.Queues == nil {
				x.Queues = map[string]float64{}
			}
			x.Queues[o.ID.String()] = q.People
		}
	}
	return x
}

// choose asks the policy.
func (s *Service) choose(tx *db.Tx, sc *scene, policy chooser, c *candidate, x situation) decision {
	d := decision{ID: id.New(), ref: c.device.ref, Policy: policy.name(), Context: x, Offers: make([]id.ID, len(c.offers))}
	for i, o := range c.offers {
		d.Offers[i] = o.ID
	}
	pick, propensity := policy.choose(x, c.offers)
	d.Propensity, d.DueAt = propensity, tx.Now().Add(aftermath)
	if pick >= 0 {
		o := c.offers[pick]
		d.Chosen, d.DueAt = &o.ID, tx.Now().Add(o.validity()+aftermath)
		d.Holdout = o.holdsOut(c.device.installation)
	}
	return d
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
