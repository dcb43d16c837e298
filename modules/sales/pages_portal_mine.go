package sales

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

type minePage struct {
	frame
	Orders []shownEvent
	Mails  bool // links go by e-mail
}

// shopMine lists what somebody bought while signed in, the latest first.
func (s *Service) shopMine(c echo.Context, t *words.Tongue) error {
	p := minePage{frame: s.frame(c, t, t.Say("mine")), Mails: s.Mails()}
	p.Place, p.About, p.Unlisted = "mine", t.Say("mine.about"), true
	person, err := id.Parse(web.CallerOf(c.Request().Context()).Person)
	if err != nil {
		return c.Render(http.StatusOK, "portal/mine", p)
	}
	found, err := s.ordersOf(c.Request().Context(), person)
	if err != nil {
		return err
	}
	for _, o := range found {
		e, err := s.snapshot(c.Request().Context(), o.Event)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		v := e.shown(t, s.db.Now())
		v.URL, v.From = "/o/"+o.Order.String(), t.Say("mine.count", o.Qty)
		if o.Qty == 0 {
			v.From = t.Say("mine.void")
		}
		v.Sellable = v.Status != EventCancelled // then that is what matters
		p.Orders = append(p.Orders, v)
	}
	return c.Render(http.StatusOK, "portal/mine", p)
}
