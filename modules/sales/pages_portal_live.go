package sales

import (
	"reflect"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// livePrice is what changes of a category while somebody looks at it.
type livePrice struct {
	ID    id.ID  `json:"id"`
	Price string `json:"price"`
	Was   string `json:"was"` // without the visitor's code; "": the same
	Unit  int64  `json:"unit"`
	Note  string `json:"note"`
	Open  bool   `json:"open"`
	Say   string `json:"say"` // when the price has changed
}

// shopLive sends an event's prices whenever they change. All visitors of a process share
// one look at the database a second.
func (s *Service) shopLive(c echo.Context, t *words.Tongue) error {
	v, err := s.visited(c, t)
	if err != nil {
		return err
	}
	return web.Stream(c, func(send func(string, any) error) error {
		ctx, last := c.Request().Context(), []livePrice(nil)
		tick := time.NewTicker(snapshotAge)
		defer tick.Stop()
		for {
			e, err := s.snapshot(ctx, v.e.ID)
			if err != nil {
				return err
			}
			if now := e.prices(t, v.codes, s.db.Now()); !reflect.DeepEqual(now, last) {
				if err := send("prices", now); err != nil {
					return err
				}
				last = now
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

// mayOpen reports whether something can be bought, or may be before long: people look at the
// page until it can.
func (e *Event) mayOpen(now time.Time) bool {
	status := e.status(now)
	return status != EventCancelled && status != "ended"
}

func (e *shelfEvent) prices(t *words.Tongue, codes []Code, now time.Time) []livePrice {
	rows := e.rows(t, codes, nil, now)
	out := make([]livePrice, len(rows))
	for i, r := range rows {
		if r.Note == "" && !r.Open { // the sale has ended, or rests, under the visitor's eyes
			r.Note = t.Say("status." + e.status(now))
		}
		out[i] = livePrice{r.ID, r.Price, r.Was, r.Unit, r.Note, r.Open, t.Say("row.now", r.Title, r.Price)}
	}
	return out
}
