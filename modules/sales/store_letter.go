package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// letter is one that is to go out. Which of the fields count depends on its kind.
type letter struct {
	ID      id.ID
	Kind    string
	Event   id.ID
	Subject id.ID
	N       int
	Version int
}

// Kinds of letters.
const (
	letterOrder    = "order"    // the confirmation, with the link to the tickets
	letterTransfer = "transfer" // a ticket was handed on, to whom it was
	letterOffer    = "offer"    // tickets are kept for somebody who waits
	letterRefund   = "refund"   // tickets were given back, or money came for nothing
	letterBank     = "bank"     // how to pay by bank transfer
)

// insertLetters writes letters of one batch and says how many are new.
func insertLetters(tx *db.Tx, batch id.ID, letters []letter) (fresh int, err error) {
	b := &pgx.Batch{}
	for _, l := range letters {
		b.Queue(`INSERT INTO sales.letter (id, batch, kind, event, subject, n, version, state, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8) ON CONFLICT DO NOTHING`,
			id.New(), batch, l.Kind, l.Event, l.Subject, l.N, l.Version, tx.Now())
	}
	done := tx.Conn().SendBatch(tx.Ctx(), b)
	for range letters {
		tag, err := done.Exec()
		if err != nil {
			_ = done.Close()
			return 0, db.Classify("sales.letter", err)
		}
		fresh += int(tag.RowsAffected())
	}
	return fresh, db.Classify("sales.letter", done.Close())
}

// ordersToConfirm are those of the orders whose buyer left an address.
func ordersToConfirm(tx *db.Tx, orders []id.ID) (out []letter, err error) {
	const op = "sales.letter"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT id, event FROM sales.orders WHERE id = ANY($1) AND coalesce(buyer->>'email', '') <> ''`, orders)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (letter, error) {
		l := letter{Kind: letterOrder}
		return l, row.Scan(&l.Subject, &l.Event)
	})
	return out, db.Classify(op, err)
}

// waitingLetters are those of a batch that have not gone out.
func (s *Service) waitingLetters(ctx context.Context, batch id.ID) ([]letter, error) {
	const op = "sales.SendLetters"
	rows, err := s.db.Pool().Query(ctx, `SELECT id, kind, event, subject, n, version FROM sales.letter WHERE batch = $1 AND state = 'waiting' ORDER BY id`, batch)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l letter, err error) {
		return l, row.Scan(&l.ID, &l.Kind, &l.Event, &l.Subject, &l.N, &l.Version)
	})
	return out, db.Classify(op, err)
}

// endLetter notes that a letter went out, or why it never will.
func (s *Service) endLetter(ctx context.Context, name id.ID, state, why string) error {
	_, err := s.db.Pool().Exec(ctx, `UPDATE sales.letter SET state = $2, error = $3, sent_at = CASE WHEN $2 = 'sent' THEN $4::timestamptz END WHERE id = $1 AND state = 'waiting'`, name, state, why, s.db.Now())
	return db.Classify("sales.SendLetters", err)
}

// confirmations says how often an order was confirmed, and when last; nil: never. It
// keeps other requests to do it again waiting.
func confirmations(tx *db.Tx, order id.ID) (times int, last *time.Time, err error) {
	if _, err = tx.Conn().Exec(tx.Ctx(), `SELECT FROM sales.orders WHERE id = $1 FOR UPDATE`, order); err == nil {
		err = tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*), max(made_at) FROM sales.letter WHERE kind = 'order' AND subject = $1`, order).Scan(&times, &last)
	}
	return times, last, db.Classify("sales.Resend", err)
}

// setBuyerEmail corrects the address of a locked order's buyer, also for letters about its payment.
// Invoices stay as they were issued.
func setBuyerEmail(tx *db.Tx, order id.ID, email string) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE sales.orders SET buyer = coalesce(buyer, '{}') || jsonb_build_object('email', $2::text) WHERE id = $1`, order, email)
	b.Queue(`UPDATE sales.payment SET buyer = buyer || jsonb_build_object('email', $2::text) WHERE order_id = $1`, order, email)
	return db.Classify("sales.Readdress", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
