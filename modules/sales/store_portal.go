package sales

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// paymentUnderWay is the payment of a cart whose money has come or is on its way; nil: none.
// begun: one that has only begun counts too.
func (s *Service) paymentUnderWay(ctx context.Context, cart id.ID, begun bool) (*id.ID, error) {
	var payment id.ID
	err := s.db.Pool().QueryRow(ctx, `SELECT id FROM sales.payment WHERE cart = $1
		AND (state IN ('processing', 'paid', 'settled', 'flagged') OR $2 AND state IN ('created', 'pending')) ORDER BY id DESC LIMIT 1`, cart, begun).Scan(&payment)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &payment, db.Classify("sales.Cart", err)
}

// bought is an order in its buyer's list.
type bought struct {
	Order, Event id.ID
	Qty          int // tickets that were not taken back
	At           time.Time
}

// mostBought bounds how many orders a person's page shows, the latest first.
const mostBought = 100

// ordersOf lists what a person bought while signed in.
func (s *Service) ordersOf(ctx context.Context, person id.ID) ([]bought, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT id, event,
		(SELECT count(*) FROM sales.ticket t WHERE t.order_id = o.id AND t.voided_at IS NULL), created_at FROM sales.orders o WHERE person = $1 ORDER BY id DESC LIMIT $2`, person, mostBought)
	if err != nil {
		return nil, db.Classify("sales.Mine", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bought])
	return found, db.Classify("sales.Mine", err)
}

// dueAtDoor is what is still to be paid for an order when its people come.
func (s *Service) dueAtDoor(ctx context.Context, order id.ID) (minor int64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT coalesce(sum(amount_minor), 0)::bigint FROM sales.payment WHERE order_id = $1 AND state = 'due'`, order).Scan(&minor)
	return minor, db.Classify("sales.Order", err)
}
