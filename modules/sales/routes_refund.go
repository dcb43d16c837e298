package sales

import (
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) getRevenue(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	r, err := s.RevenueOf(c.Request().Context(), event)
	if err != nil {
		return err
	}
	return web.Fresh(c, r)
}

// refunding names what is given back.
type refunding struct {
	Tickets  []int  `json:"tickets"`
	KeepFees bool   `json:"keep_fees"`
	Reason   string `json:"reason"`
}

func (s *Service) postRefund(c echo.Context) error {
	in, err := web.Bind[refunding](c)
	if err != nil {
		return err
	}
	order, err := pathID(c)
	if err != nil {
		return err
	}
	how := Refunding{Tickets: in.Tickets, KeepFees: in.KeepFees, Reason: in.Reason, Actor: web.Actor(c.Request().Context())}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.RefundOrder(tx, order, how) })
}

func (s *Service) postRefundAll(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) { return s.RefundAll(tx, event, web.Actor(tx.Ctx())) })
}

func (s *Service) getRefunds(c echo.Context) error {
	limit, err := web.Limit(c, 50, 200)
	if err != nil {
		return err
	}
	event, err := queryID(c, "event")
	if err != nil {
		return err
	}
	found, err := s.Refunds(c.Request().Context(), event, c.QueryParam("state"), limit)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Refund]{Items: found})
}

func (s *Service) postRefundRetry(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, refund id.ID) (any, error) { return s.RetryRefund(tx, refund) })
}

func (s *Service) postRefundByHand(c echo.Context) error {
	return s.changing(c, func(tx *db.Tx, refund id.ID) (any, error) { return s.RefundedByHand(tx, refund) })
}

func (s *Service) getOrderInvoices(c echo.Context) error {
	order, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := s.InvoicesOf(c.Request().Context(), order)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Invoice]{Items: found})
}

// getInvoices lists a series and year by number, so that a gap would be seen.
func (s *Service) getInvoices(c echo.Context) error {
	limit, err := web.Limit(c, 100, 1000)
	if err != nil {
		return err
	}
	series, year, after := c.QueryParam("series"), s.db.Now().Year(), 0
	if series == "" {
		series = s.cfg.Seller.Series
	}
	for name, into := range map[string]*int{"year": &year, "cursor": &after} {
		if text := c.QueryParam(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 0 || *into > math.MaxInt32 {
				return fault.BadField("sales.invoices", name, "is no number", "such as 2027")
			}
		}
	}
	found, err := s.Invoices(c.Request().Context(), series, year, after, limit)
	if err != nil {
		return err
	}
	page := web.Page[Invoice]{Items: found}
	if len(found) == limit {
		page.Next = strconv.Itoa(found[limit-1].Number)
	}
	return web.Fresh(c, page)
}
