package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

const (
	reversalSQL = `SELECT r.id, r.payment, p.order_id, p.event, r.kind, r.state, r.amount_minor, r.currency, r.reason, r.answer_by, r.ref, r.seen_at, r.created_at, r.told_at
		FROM sales.reversal r JOIN sales.payment p ON p.id = r.payment `

	// unseen finds reversals r that nobody has looked at.
	unseen = `r.seen_at IS NULL`
)

func readReversal(row pgx.CollectableRow) (r Reversal, err error) {
	err = row.Scan(&r.ID, &r.Payment, &r.Order, &r.Event, &r.Kind, &r.State, &r.AmountMinor, &r.Currency, &r.Reason, &r.AnswerBy, &r.Ref, &r.SeenAt, &r.CreatedAt, &r.ToldAt)
	for _, t := range []*time.Time{r.AnswerBy, r.SeenAt, &r.CreatedAt, &r.ToldAt} {
		if t != nil {
			*t = t.UTC()
		}
	}
	return r, err
}

func manyReversals(rows pgx.Rows, err error) ([]Reversal, error) {
	const op = "sales.Reversals"
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, readReversal)
	return found, db.Classify(op, err)
}

func oneReversal(rows pgx.Rows, err error) (r Reversal, _ error) {
	found, err := manyReversals(rows, err)
	if err != nil {
		return r, err
	}
	if len(found) == 0 {
		return r, fault.E("sales.Reversal", fault.NotFound, "there is no such reversal", nil)
	}
	return found[0], nil
}

func reversalByRef(tx *db.Tx, payment id.ID, ref string) (Reversal, error) {
	return oneReversal(tx.Conn().Query(tx.Ctx(), reversalSQL+`WHERE r.payment = $1 AND r.ref = $2 FOR UPDATE OF r`, payment, ref))
}

func reversalByID(tx *db.Tx, reversal id.ID) (Reversal, error) {
	return oneReversal(tx.Conn().Query(tx.Ctx(), reversalSQL+`WHERE r.id = $1 FOR UPDATE OF r`, reversal))
}

// Reversal finds one. Errors: fault.NotFound.
func (s *Service) Reversal(ctx context.Context, reversal id.ID) (Reversal, error) {
	return oneReversal(s.db.Pool().Query(ctx, reversalSQL+`WHERE r.id = $1`, reversal))
}

// takenBack reports whether money of a payment was taken back at its provider, or may be.
func takenBack(tx *db.Tx, payment id.ID) (taken bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM sales.reversal WHERE payment = $1 AND state <> 'won')`, payment).Scan(&taken)
	return taken, db.Classify("sales.Reversal", err)
}

// saveReversal writes one that is new, or locked.
func saveReversal(tx *db.Tx, r *Reversal) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.reversal (id, payment, ref, kind, state, amount_minor, currency, reason, answer_by, told_at, seen_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET state = $5, amount_minor = $6, currency = $7, reason = $8, answer_by = $9, told_at = $10, seen_at = $11`,
		r.ID, r.Payment, r.Ref, r.Kind, r.State, r.AmountMinor, r.Currency, r.Reason, r.AnswerBy, r.ToldAt, r.SeenAt, r.CreatedAt)
	return db.Classify("sales.Reversal", err)
}

// lockPaymentOfCharge finds the payment that a provider calls charge. Errors: fault.NotFound.
func lockPaymentOfCharge(tx *db.Tx, mode pay.Mode, charge string) (payment id.ID, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT id FROM sales.payment WHERE mode = $1 AND charge = $2 FOR UPDATE`, mode, charge).Scan(&payment)
	return payment, db.Classify("sales.Reversal", err)
}

// ReversalQuery narrows a list of reversals.
type ReversalQuery struct {
	Event  id.ID // id.Nil: of all
	Unseen bool  // only those that nobody has looked at
	Before id.ID // as the page before told
	Limit  int
}

// Reversals lists reversals, the latest first, and where the next page begins; id.Nil at the end.
func (s *Service) Reversals(ctx context.Context, q ReversalQuery) (found []Reversal, next id.ID, err error) {
	found, err = manyReversals(s.db.Pool().Query(ctx, reversalSQL+`WHERE ($1::uuid = $2 OR p.event = $1) AND (NOT $3 OR `+unseen+`) AND ($4::uuid = $2 OR r.id < $4) ORDER BY r.id DESC LIMIT $5`,
		q.Event, id.Nil, q.Unseen, q.Before, q.Limit+1))
	if err != nil {
		return nil, next, err
	}
	found, next = cutPage(found, q.Limit, func(r *Reversal) id.ID { return r.ID })
	return found, next, nil
}

// reversalsOf are those of payments, in the order they began.
func (s *Service) reversalsOf(ctx context.Context, payments []Payment) (map[id.ID][]Reversal, error) {
	ids := make([]id.ID, len(payments))
	for i := range payments {
		ids[i] = payments[i].ID
	}
	found, err := manyReversals(s.db.Pool().Query(ctx, reversalSQL+`WHERE r.payment = ANY($1) ORDER BY r.id`, ids))
	if err != nil {
		return nil, err
	}
	of := map[id.ID][]Reversal{}
	for _, r := range found {
		of[r.Payment] = append(of[r.Payment], r)
	}
	return of, nil
}
