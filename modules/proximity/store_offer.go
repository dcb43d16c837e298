package proximity

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const offerColumns = `o.id, o.event, e.name, o.state, o.rule, o.issued, o.committed, o.version, o.created_at, o.updated_at`
const fromOffer = ` FROM proximity.offer o JOIN proximity.event e ON e.id = o.event `

func scanOffer(row pgx.CollectableRow) (Offer, error) {
	var o Offer
	var offer, event id.ID
	var name, state string
	var rule []byte
	var with Offer
	err := row.Scan(&offer, &event, &name, &state, &rule, &with.Issued, &with.Committed, &with.Version, &with.CreatedAt, &with.UpdatedAt)
	if err == nil {
		err = json.Unmarshal(rule, &o)
	}
	o.ID, o.eventID, o.Event, o.State = offer, event, name, state
	o.Issued, o.Committed, o.Version, o.CreatedAt, o.UpdatedAt = with.Issued, with.Committed, with.Version, with.CreatedAt.UTC(), with.UpdatedAt.UTC()
	return o, err
}

func offers(ctx context.Context, q reader, where string, args ...any) ([]Offer, error) {
	rows, err := q.Query(ctx, `SELECT `+offerColumns+fromOffer+`WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.offers", err)
	}
	all, err := pgx.CollectRows(rows, scanOffer)
	return all, db.Classify("proximity.offers", err)
}

// Offers are those of an event ("": of all), the latest first.
func (s *Service) Offers(ctx context.Context, event string) ([]Offer, error) {
	return offers(ctx, s.db.Pool(), `($1 = '' OR e.name = $1) ORDER BY o.created_at DESC, o.id DESC LIMIT 500`, event)
}

// Offer is one. Errors: fault.NotFound.
func (s *Service) Offer(ctx context.Context, offer id.ID) (Offer, error) {
	return oneOffer(offers(ctx, s.db.Pool(), `o.id = $1`, offer))
}

func lockOffer(tx *db.Tx, offer id.ID) (Offer, error) {
	return oneOffer(offers(tx.Ctx(), tx.Conn(), `o.id = $1 FOR UPDATE OF o`, offer))
}

func oneOffer(found []Offer, err error) (Offer, error) {
	if err == nil && len(found) == 0 {
		err = fault.E("proximity.Offer", fault.NotFound, "there is no such offer", nil).WithFix("GET /v1/offers lists them")
	}
	if err != nil {
		return Offer{}, err
	}
	return found[0], nil
}

func insertOffer(tx *db.Tx, o *Offer) error {
	rule, err := json.Marshal(o)
	if err != nil {
		return fault.E("proximity.CreateOffer", fault.Internal, "cannot write the offer", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.offer (id, event, name, state, rule, trigger, total, budget, worth, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
		o.ID, o.eventID, o.Name, o.State, rule, o.Trigger.On, o.Limits.Total, o.Limits.BudgetMinor, o.Grant.WorthMinor, o.Version, o.CreatedAt)
	return db.Classify("proximity.CreateOffer", err)
}

func updateOffer(tx *db.Tx, o *Offer) error {
	const op = "proximity.ChangeOffer"
	rule, err := json.Marshal(o)
	if err != nil {
		return fault.E(op, fault.Internal, "cannot write the offer", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.offer SET name = $2, state = $3, rule = $4, trigger = $5, total = $6, budget = $7, worth = $8, version = $9, updated_at = $10
		WHERE id = $1`, o.ID, o.Name, o.State, rule, o.Trigger.On, o.Limits.Total, o.Limits.BudgetMinor, o.Grant.WorthMinor, o.Version, o.UpdatedAt)
	return db.Classify(op, err)
}

// voucherCounts counts an offer's vouchers by status.
func (s *Service) voucherCounts(ctx context.Context, offer id.ID) (map[string]int64, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT status, count(*) FROM proximity.voucher WHERE offer = $1 GROUP BY 1`, offer)
	if err != nil {
		return nil, db.Classify("proximity.voucherCounts", err)
	}
	counts := map[string]int64{VoucherIssued: 0, VoucherRedeemed: 0, VoucherExpired: 0}
	var status string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&status, &n}, func() error { counts[status] = n; return nil })
	return counts, db.Classify("proximity.voucherCounts", err)
}
