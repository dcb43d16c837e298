package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/id"
)

func (h *house) ids(sql string, args ...any) []id.ID {
	h.t.Helper()
	rows, err := h.db.Pool().Query(context.Background(), sql, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// auditMoney checks that what every order's payment has kept is what its tickets cost.
func (h *house) auditMoney() {
	h.t.Helper()
	if wrong := h.number(`SELECT count(*) FROM sales.payment p WHERE p.state = 'settled' AND p.paid_minor - p.refunded_minor <>
		(SELECT coalesce(sum(unit_minor), 0) FROM sales.ticket t WHERE t.order_id = p.order_id AND t.voided_at IS NULL)`); wrong > 0 {
		h.t.Errorf("%d payments have kept something else than their tickets cost", wrong)
	}
	if wrong := h.number(`SELECT count(*) FROM sales.payment p WHERE p.refunded_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM sales.refund r WHERE r.payment = p.id)`); wrong > 0 {
		h.t.Errorf("the refunds of %d payments do not add up", wrong)
	}
	if wrong := h.number(`SELECT count(*) FROM sales.payment WHERE state = 'refunded' AND (refunded_minor <> paid_minor OR order_id IS NOT NULL)`); wrong > 0 {
		h.t.Errorf("%d payments went back in part, or have an order", wrong)
	}
}
