package sales

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
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
