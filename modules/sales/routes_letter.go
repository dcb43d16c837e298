package sales

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// postConfirmation sends the confirmation of an order again. It needs no
// Idempotency-Key: a second one within a minute is refused.
func (s *Service) postConfirmation(c echo.Context) error {
	order, err := pathID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	o, _, err := s.OrderTickets(ctx, order)
	if err != nil {
		return err
	}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.Resend(tx, &o) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

// putAddress corrects an address and sends the letter again. It needs no Idempotency-Key:
// a second one finds the address right, and sends it once more.
func (s *Service) putAddress(c echo.Context) error {
	in, err := web.Bind[addressing](c)
	if err != nil {
		return err
	}
	order, err := pathID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	o, tickets, err := s.OrderTickets(ctx, order)
	if err != nil {
		return err
	}
	e, err := s.Event(ctx, o.Event)
	if err != nil {
		return err
	}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.Readdress(tx, &e, &o, tickets, in) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}
