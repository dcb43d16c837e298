package sales

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Copy says how a copy differs from its event.
type Copy struct {
	Slug     string    `json:"slug"`
	StartsAt time.Time `json:"starts_at"`
	Codes    bool      `json:"codes,omitempty"` // copy the codes too, unused
}

// CopyEvent makes a draft out of another event: its texts, pools, categories and
// seats, with nothing sold. Every moment moves by as many days and hours on the
// venue's clock as the start does, so that doors at 19:00 stay doors at 19:00 when the
// clocks change in between. Errors: fault.NotFound, fault.Invalid, fault.Conflict.
func (s *Service) CopyEvent(tx *db.Tx, event id.ID, how Copy, actor string) (Event, error) {
	from, err := s.eventWithin(tx, event)
	if err != nil {
		return Event{}, err
	}
	if how.StartsAt.IsZero() {
		return Event{}, fault.BadField("sales.CopyEvent", "starts_at", "is missing", `when the copy starts, such as "2027-06-01T18:00:00Z"`)
	}
	to := from
	to.Slug, to.StartsAt = how.Slug, how.StartsAt
	if to.Shop != "" { // the shop gives the copy a name of its own
		to.Shop = how.Slug
	}
	move := mover(from.StartsAt, how.StartsAt, from.Zone)
	for _, t := range []**time.Time{&to.EndsAt, &to.DoorsAt, &to.SaleFrom, &to.SaleUntil} {
		*t = move(*t)
	}
	if to, err = s.CreateEvent(tx, to); err != nil {
		return Event{}, err
	}
	pools, err := s.copyPools(tx, from.Pools, to.ID)
	if err != nil {
		return Event{}, err
	}
	categories := map[id.ID]id.ID{}
	for _, c := range from.Categories {
		was := c.ID
		c.Event, c.SaleFrom, c.SaleUntil = to.ID, move(c.SaleFrom), move(c.SaleUntil)
		if c.Pool != nil {
			c.Pool = pools[*c.Pool]
		}
		if c, err = s.AddCategory(tx, c, actor, nil); err != nil {
			return Event{}, err
		}
		categories[was] = c.ID
	}
	if how.Codes {
		if err := s.copyCodes(tx, from.ID, to.ID, categories, move); err != nil {
			return Event{}, err
		}
	}
	return s.eventWithin(tx, to.ID)
}

// copyPools gives an event pools like those, and tells which became which.
func (s *Service) copyPools(tx *db.Tx, from []Pool, to id.ID) (map[id.ID]*id.ID, error) {
	pools := map[id.ID]*id.ID{}
	for _, p := range from {
		was := p.ID
		p.Event = to
		p, err := s.AddPool(tx, p, nil)
		if err != nil {
			return nil, err
		}
		pools[was] = &p.ID
	}
	return pools, nil
}

// copyCodes gives an event the codes of another, as far as their categories are still there.
func (s *Service) copyCodes(tx *db.Tx, from, to id.ID, categories map[id.ID]id.ID, move func(*time.Time) *time.Time) error {
	codes, err := codesOf(tx.ORM(), tx.ORM().Where("event = ?", from).Order("code").Limit(maxCopiedCodes))
	if err != nil {
		return err
	}
	for _, c := range codes {
		c.Event, c.ValidFrom, c.ValidUntil = to, move(c.ValidFrom), move(c.ValidUntil)
		good := make([]id.ID, 0, len(c.Categories))
		for _, was := range c.Categories {
			if now, stays := categories[was]; stays {
				good = append(good, now)
			}
		}
		if len(good) == 0 && len(c.Categories) > 0 {
			continue // all that it was good for was removed; with no names it would be good for everything
		}
		c.Categories = good
		if _, err := s.AddCode(tx, c); err != nil {
			return err
		}
	}
	return nil
}

// maxCopiedCodes bounds what one transaction copies.
const maxCopiedCodes = 1000

// mover moves moments by the difference between two, on the clock of a zone. A zone
// that is none counts as UTC. Who wrote the last day of the year 9999 meant "for ever":
// what would leave the calendar stays where it is.
func mover(from, to time.Time, zone string) func(*time.Time) *time.Time {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	by := onClock(to, place).Sub(onClock(from, place))
	return func(t *time.Time) *time.Time {
		if t == nil {
			return nil
		}
		shown := onClock(*t, place).Add(by)
		moved := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), shown.Nanosecond(), place).UTC()
		if year := moved.Year(); year < 1 || year > 9999 {
			return t
		}
		return &moved
	}
}

// onClock is what the clock at a place shows, as if it were UTC: differences of
// such moments count days and hours as people do.
func onClock(t time.Time, place *time.Location) time.Time {
	l := t.In(place)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}
