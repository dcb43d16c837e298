package proximity

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// hadBefore counts the vouchers of an offer that each of these people got, expired ones
// included: who let one pass is not asked again and again.
func hadBefore(tx *db.Tx, offer id.ID, wanted []grantee) (map[string]int, error) {
	who := make([]string, len(wanted))
	for i, w := range wanted {
		who[i] = w.installation
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT installation, count(*) FROM proximity.voucher WHERE offer = $1 AND installation = ANY($2) GROUP BY 1`, offer, who)
	if err != nil {
		return nil, db.Classify("proximity.hadBefore", err)
	}
	had := map[string]int{}
	var installation string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&installation, &n}, func() error { had[installation] = n; return nil })
	return had, db.Classify("proximity.hadBefore", err)
}

// stallID finds the stall where an offer is good; nil: everywhere.
func stallID(tx *db.Tx, o *Offer) (*id.ID, error) {
	if o.Stall == "" {
		return nil, nil
	}
	var stall id.ID
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT t.id FROM proximity.stall t JOIN proximity.event e ON e.venue = t.venue WHERE e.id = $1 AND t.name = $2`, o.eventID, o.Stall).Scan(&stall)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.E("proximity.issue", fault.Conflict, "the stall "+o.Stall+" of the offer "+o.Name+" is gone", err)
	}
	return &stall, db.Classify("proximity.issue", err)
}

// reserve takes n vouchers out of an offer's limits. The row is locked by the caller.
func reserve(tx *db.Tx, offer id.ID, n, worth int64) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.offer SET issued = issued + $2, committed = committed + $2 * $3 WHERE id = $1`, offer, n, worth)
	return db.Classify("proximity.issue", err)
}

func insertVouchers(tx *db.Tx, all []Voucher) error {
	_, err := tx.Conn().CopyFrom(tx.Ctx(), pgx.Identifier{"proximity", "voucher"},
		[]string{"id", "offer", "event", "stall", "code", "installation", "app", "status", "worth", "issued_at", "valid_until"},
		pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
			v := all[i]
			return []any{v.ID, v.Offer, v.eventID, v.stallID, v.Code, v.installation, v.app, v.Status, v.WorthMinor, v.IssuedAt, v.ValidUntil}, nil
		}))
	return db.Classify("proximity.issue", err)
}

// goodHere is what a voucher must be so that a till may take it: $1 code, $2 now, $3 till.
// A till that has locked it may finish, also when the validity has ended meanwhile.
const goodHere = `code = $1 AND status = 'issued'
	AND (valid_until > $2 AND (locked_until IS NULL OR locked_until <= $2 OR locked_by = $3) OR locked_by = $3 AND locked_until > $2)
	AND (stall IS NULL OR stall IN (SELECT t.stall FROM proximity.till t WHERE t.name = $3))`

func redeemVoucher(tx *db.Tx, code, till string) (bool, error) {
	done, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.voucher SET status = 'redeemed', redeemed_at = $2, redeemed_by = $3, locked_by = NULL, locked_until = NULL
		WHERE `+goodHere, code, tx.Now(), till)
	return done.RowsAffected() == 1, db.Classify("proximity.Redeem", err)
}

// lockVoucher moves no lock that a till already has: it ends a minute after it began.
func lockVoucher(tx *db.Tx, code, till string) (bool, error) {
	done, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.voucher SET locked_by = $3,
		locked_until = CASE WHEN locked_by = $3 AND locked_until > $2 THEN locked_until ELSE $4::timestamptz END WHERE `+goodHere, code, tx.Now(), till, tx.Now().Add(lockFor))
	return done.RowsAffected() == 1, db.Classify("proximity.Lock", err)
}

const voucherColumns = `v.id, v.offer, v.event, e.name, v.stall, coalesce(t.name, ''), v.code, v.status, v.worth, v.issued_at, v.valid_until, v.pushed_at,
	coalesce(v.locked_by, ''), v.redeemed_at, coalesce(v.redeemed_by, ''), coalesce(v.installation, ''), v.app, o.rule`
const fromVoucher = ` FROM proximity.voucher v JOIN proximity.offer o ON o.id = v.offer JOIN proximity.event e ON e.id = v.event
	LEFT JOIN proximity.stall t ON t.id = v.stall `

func scanVoucher(row pgx.CollectableRow) (Voucher, error) {
	var v Voucher
	var rule []byte
	err := row.Scan(&v.ID, &v.Offer, &v.eventID, &v.Event, &v.stallID, &v.Stall, &v.Code, &v.Status, &v.WorthMinor, &v.IssuedAt, &v.ValidUntil, &v.PushedAt,
		&v.LockedBy, &v.RedeemedAt, &v.RedeemedBy, &v.installation, &v.app, &rule)
	var o Offer
	if err == nil {
		err = json.Unmarshal(rule, &o)
	}
	v.Title, v.Grant, v.text = o.Title, o.Grant, o.Text
	v.IssuedAt, v.ValidUntil, v.PushedAt, v.RedeemedAt = v.IssuedAt.UTC(), v.ValidUntil.UTC(), utc(v.PushedAt), utc(v.RedeemedAt)
	return v, err
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func vouchers(ctx context.Context, q reader, where string, args ...any) ([]Voucher, error) {
	rows, err := q.Query(ctx, `SELECT `+voucherColumns+fromVoucher+`WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.vouchers", err)
	}
	all, err := pgx.CollectRows(rows, scanVoucher)
	return all, db.Classify("proximity.vouchers", err)
}

func voucherOf(ctx context.Context, q reader, code string) (Voucher, error) {
	found, err := vouchers(ctx, q, `v.code = $1`, code)
	if err == nil && len(found) == 0 {
		err = fault.E("proximity.Voucher", fault.NotFound, "there is no voucher of that code", nil).WithFix("read it again")
	}
	if err != nil {
		return Voucher{}, err
	}
	return found[0], nil
}

// expireVouchers ends at most n whose time is up, and releases what they reserved. One
// that a till has locked waits for the till; one that a till is just taking, for the next round.
func expireVouchers(tx *db.Tx, n int) (ended int, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `
		WITH due AS MATERIALIZED (
			SELECT id FROM proximity.voucher WHERE status = 'issued' AND valid_until <= $1 AND (locked_until IS NULL OR locked_until <= $1)
			ORDER BY valid_until LIMIT $2 FOR UPDATE SKIP LOCKED
		), ended AS (
			UPDATE proximity.voucher v SET status = 'expired' FROM due WHERE v.id = due.id RETURNING v.offer, v.worth
		), sums AS MATERIALIZED (
			SELECT offer, count(*) AS n, sum(worth) AS worth FROM ended GROUP BY offer
		), held AS MATERIALIZED (
			SELECT o.id FROM proximity.offer o JOIN sums s ON s.offer = o.id ORDER BY o.id FOR UPDATE OF o
		), released AS (
			UPDATE proximity.offer o SET issued = o.issued - s.n, committed = o.committed - s.worth FROM sums s, held h WHERE o.id = s.offer AND h.id = o.id RETURNING 1
		) SELECT coalesce(sum(n), 0) FROM sums`, tx.Now(), n).Scan(&ended)
	return ended, db.Classify("proximity.Expire", err)
}

// unpushed are the vouchers of these that are still good and not handed to the hub.
func (s *Service) unpushed(ctx context.Context, ids []id.ID) ([]Voucher, error) {
	return vouchers(ctx, s.db.Pool(), `v.id = ANY($1) AND v.status = 'issued' AND v.pushed_at IS NULL AND v.valid_until > $2 AND v.installation IS NOT NULL ORDER BY v.id`, ids, s.db.Now())
}

// markPushed claims these for one push; it tells how many nobody had claimed.
func markPushed(tx *db.Tx, all []Voucher) (int, error) {
	ids := make([]id.ID, len(all))
	for i, v := range all {
		ids[i] = v.ID
	}
	done, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.voucher SET pushed_at = $2
		WHERE id IN (SELECT id FROM proximity.voucher WHERE id = ANY($1) AND pushed_at IS NULL AND status = 'issued' ORDER BY id FOR UPDATE)`, ids, tx.Now())
	return int(done.RowsAffected()), db.Classify("proximity.push", err)
}

// vouchersSince counts those issued since, and how many of them were redeemed.
func (s *Service) vouchersSince(ctx context.Context, since time.Time) (issued, redeemed int64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE status = 'redeemed') FROM proximity.voucher WHERE issued_at >= $1`, since).Scan(&issued, &redeemed)
	return issued, redeemed, db.Classify("proximity.vouchersSince", err)
}
