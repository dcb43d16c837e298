package proximity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// present is how recently a phone must have been heard to be given an offer that does not
// follow from a move of its own.
const present = 2 * time.Minute

// reachAtOnce is how many phones an occasion of the whole venue asks about; the others
// have their turn a minute later.
const reachAtOnce = 500

// A candidate is a phone and the offers that are for it now.
type candidate struct {
	device *device
	offers []*Offer
}

// react finds the offers that people's own moves call for: entering a zone, staying there.
func (s *Service) react(tx *db.Tx, moves []move) error {
	by := map[*scene][]move{}
	for _, m := range moves {
		if m.event.Kind == zoning.Enter || m.event.Kind == zoning.Dwell {
			by[m.device.scene] = append(by[m.device.scene], m)
		}
	}
	for sc, some := range by {
		running, err := runningOffers(tx, sc.ID, OnZoneEntered, OnDwelled)
		if err != nil || len(running) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.decide(tx, sc, called(running, some)); err != nil {
			return err
		}
	}
	return nil
}

// called are the devices whose moves call for offers, in the moves' order.
func called(running []Offer, moves []move) (order []*candidate) {
	asked := map[*device]*candidate{}
	for _, m := range moves {
		for i := range running {
			o := &running[i]
			if !o.calledBy(m) {
				continue
			}
			c := asked[m.device]
			if c == nil {
				c = &candidate{device: m.device}
				asked[m.device], order = c, append(order, c)
			}
			c.offers = append(c.offers, o)
		}
	}
	return order
}

// calledBy reports whether a move of a phone is this offer's occasion. A move that was
// noticed late is none: who has passed by is not called back.
func (o *Offer) calledBy(m move) bool {
	if o.Trigger.Zone != m.zone.Name {
		return false
	}
	if m.device.zone != m.zone.ID && m.device.area != m.zone.ID {
		return false
	}
	switch m.event.Kind {
	case zoning.Enter:
		return o.Trigger.On == OnZoneEntered
	case zoning.Dwell:
		return o.Trigger.On == OnDwelled && m.event.Dwell == time.Duration(o.Trigger.Minutes*float64(time.Minute))
	}
	return false
}

// minute finds the offers that queues and the event's clock call for. fresh says that the
// queues were estimated just now.
func (s *Service) minute(tx *db.Tx, sc *scene, at time.Time, fresh bool) error {
	running, err := runningOffers(tx, sc.ID, OnQueueShort, OnQueueLong, OnPhase)
	if err != nil || len(running) == 0 {
		return err
	}
	queues, err := latestQueues(tx.Ctx(), tx.Conn(), sc.ID)
	if err != nil {
		return err
	}
	var due []*Offer
	for i := range running {
		if running[i].dueAt(sc, at, queues, fresh) {
			due = append(due, &running[i])
		}
	}
	return s.offerPresent(tx, sc, due)
}

// dueAt reports whether the minute that ends at at is the offer's occasion.
func (o *Offer) dueAt(sc *scene, at time.Time, queues []Queue, fresh bool) bool {
	t := o.Trigger
	if t.On == OnPhase {
		begins := sc.OpensAt.Add(time.Duration(t.Minutes * float64(time.Minute)))
		return !at.Before(begins) && at.Sub(begins) < 15*time.Minute
	}
	if !fresh {
		return false
	}
	for _, q := range queues {
		if q.Name == t.Stall && q.Known && q.At.Equal(at) {
			return t.On == OnQueueShort && q.People <= t.People || t.On == OnQueueLong && q.People >= t.People
		}
	}
	return false
}

// offerPresent asks about the phones that are at the venue, or in the zone that an offer is
// bound to; who waits at the stall already is not asked to come.
func (s *Service) offerPresent(tx *db.Tx, sc *scene, due []*Offer) error {
	if len(due) == 0 {
		return nil
	}
	devices, err := lockPresent(tx, sc, tx.Now().Add(-present), reachAtOnce)
	if err != nil {
		return err
	}
	var all []*candidate
	for _, d := range inOrder(devices) {
		c := &candidate{device: d}
		for _, o := range due {
			if o.isFor(sc, d) {
				c.offers = append(c.offers, o)
			}
		}
		if len(c.offers) > 0 {
			all = append(all, c)
		}
	}
	if err := s.decide(tx, sc, all); err != nil {
		return err
	}
	return writeOffered(tx, devices)
}

func (o *Offer) isFor(sc *scene, d *device) bool {
	if z := sc.site.zone(o.Trigger.Zone); o.Trigger.Zone != "" && (z == nil || d.zone != z.ID && d.area != z.ID) {
		return false
	}
	if t := sc.site.stall(o.Stall); t != nil {
		if z := sc.site.zone(t.Zone); z != nil && d.zone == z.ID {
			return false
		}
	}
	return true
}

// cartLeft offers something to who left a cart behind, as far as they agreed and are here.
func (s *Service) cartLeft(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	for _, f := range batch {
		if f.Type == (facts.CartsAbandoned{}).FactType() {
			if err := s.ownCartsLeft(tx, f); err != nil {
				return err
			}
			continue
		}
		var left facts.CartAbandoned
		if err := json.Unmarshal(f.Data, &left); err != nil {
			return fault.E("proximity.cartLeft", fault.Invalid, "the fact does not decode", err)
		}
		if left.Customer == "" || tx.Now().Sub(f.Time) > time.Hour {
			continue
		}
		if err := s.offerCustomer(tx, left.Event, OnCartAbandoned, `customer = $1 AND customer <> ''`, left.Customer); err != nil {
			return err
		}
	}
	return nil
}

// ownCartsLeft does the same for Usher's own shop, where somebody signed in and began to pay.
func (s *Service) ownCartsLeft(tx *db.Tx, f stream.Fact) error {
	left, err := stream.Decode[facts.CartsAbandoned](f)
	if err != nil || tx.Now().Sub(f.Time) > time.Hour {
		return err
	}
	for _, c := range left.Carts {
		if c.Person == "" {
			continue
		}
		if err := s.offerCustomer(tx, left.Event.String(), OnCartAbandoned, `person = $1 AND person <> ''`, c.Person); err != nil {
			return err
		}
	}
	return nil
}

// priceFell offers something to who is at an event whose tickets have become cheaper.
func (s *Service) priceFell(ctx context.Context, tx *db.Tx, batch []stream.Fact) error {
	fell := map[string]bool{}
	for _, f := range batch {
		var price facts.PriceChanged
		if err := json.Unmarshal(f.Data, &price); err != nil {
			return fault.E("proximity.priceFell", fault.Invalid, "the fact does not decode", err)
		}
		if price.NewMinor < price.OldMinor && tx.Now().Sub(f.Time) < time.Hour {
			fell[price.Event.String()] = true
		}
	}
	scenes, err := s.scenes(ctx, tx.Conn(), tx.Now())
	if err != nil {
		return err
	}
	for _, sc := range scenes {
		if !sc.at(tx.Now()) {
			continue
		}
		event, err := s.eventCalled(ctx, sc.Name)
		if err != nil {
			return err
		}
		if !fell[event] {
			continue
		}
		running, err := runningOffers(tx, sc.ID, OnPriceChanged)
		if err != nil {
			return err
		}
		due := make([]*Offer, len(running))
		for i := range running {
			due[i] = &running[i]
		}
		if err := s.offerPresent(tx, sc, due); err != nil {
			return err
		}
	}
	return nil
}

// eventCalled is one name for all that facts and people call an event: its id where the
// catalogue knows it, by the id or as the shop that sells it says; else the name itself.
func (s *Service) eventCalled(ctx context.Context, name string) (string, error) {
	event, err := s.shop.EventNamed(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return name, nil
	}
	return event.String(), err
}

// scenesOf are those where the event goes on now, by whichever of its names.
func (s *Service) scenesOf(tx *db.Tx, event string) (of []*scene, err error) {
	all, err := s.scenes(tx.Ctx(), tx.Conn(), tx.Now())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if event, err = s.eventCalled(tx.Ctx(), event); err != nil {
		return nil, err
	}
	for _, sc := range all {
		name, err := s.eventCalled(tx.Ctx(), sc.Name)
		if err != nil {
			return nil, err
		}
		if name == event && sc.at(tx.Now()) {
			of = append(of, sc)
		}
	}
	return of, nil
}

// offerCustomer finds the phones of somebody at an event that is going on; which says whose
// consents those are.
func (s *Service) offerCustomer(tx *db.Tx, event, occasion, which, who string) error {
	scenes, err := s.scenesOf(tx, event)
	if err != nil {
		return err
	}
	theirs, err := consents(tx.Ctx(), tx.Conn(), which+` ORDER BY installation FOR KEY SHARE`, who)
	if err != nil || len(theirs) == 0 {
		return err
	}
	for _, sc := range scenes {
		running, err := runningOffers(tx, sc.ID, occasion)
		if err != nil || len(running) == 0 {
			return err
		}
		devices := map[pseudonym]*device{}
		for _, c := range theirs {
			p := pseudonym{sc.ID, sc.key.of(c.Installation)}
			devices[p] = &device{pseudonym: p, scene: sc, installation: c.Installation, app: c.App, segment: c.Segment, person: c.person, seenAt: tx.Now(), state: &zoning.Device{}}
		}
		if err := lockDevices(tx, devices); err != nil {
			return err
		}
		if err := s.decide(tx, sc, suited(running, sc, inOrder(devices))); err != nil {
			return err
		}
		if err := writeDevices(tx, devices); err != nil {
			return err
		}
	}
	return nil
}

// suited are all devices, each with the offers that are for it.
func suited(running []Offer, sc *scene, devices []*device) (all []*candidate) {
	for _, d := range devices {
		c := &candidate{device: d}
		for i := range running {
			if running[i].isFor(sc, d) {
				c.offers = append(c.offers, &running[i])
			}
		}
		all = append(all, c)
	}
	return all
}
