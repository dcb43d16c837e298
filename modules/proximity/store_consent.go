package proximity

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func consents(ctx context.Context, q reader, where string, args ...any) ([]Consent, error) {
	rows, err := q.Query(ctx, `SELECT installation, app, notice, customer, segment, person, given_at FROM proximity.consent WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.consents", err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (c Consent, err error) {
		err = r.Scan(&c.Installation, &c.App, &c.Notice, &c.Customer, &c.Segment, &c.person, &c.GivenAt)
		c.GivenAt = c.GivenAt.UTC()
		return c, err
	})
	return all, db.Classify("proximity.consents", err)
}

func lockConsent(tx *db.Tx, installation string) (Consent, error) {
	return oneConsent(consents(tx.Ctx(), tx.Conn(), `installation = $1 FOR UPDATE`, installation))
}

func oneConsent(found []Consent, err error) (Consent, error) {
	if err == nil && len(found) == 0 {
		err = fault.E("proximity.Consent", fault.NotFound, "the installation has not agreed", nil).WithFix("PUT /v1/consents/:installation once the person has")
	}
	if err != nil {
		return Consent{}, err
	}
	return found[0], nil
}

func writeConsent(tx *db.Tx, c Consent) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.consent (installation, app, notice, customer, segment, person, given_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (installation) DO UPDATE SET app = $2, notice = $3, customer = $4, segment = $5, person = $6, given_at = $7`,
		c.Installation, c.App, c.Notice, c.Customer, c.Segment, c.person, c.GivenAt)
	return db.Classify("proximity.PutConsent", err)
}

func deleteConsent(tx *db.Tx, installation string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM proximity.consent WHERE installation = $1`, installation)
	return db.Classify("proximity.Withdraw", err)
}

// deleteTraces removes what is kept under these pseudonyms, and the devices of the
// installation. With vouchers, those lose the link to it.
func deleteTraces(tx *db.Tx, installation string, refs []pseudonym, vouchers bool) error {
	events, hashes := make([]id.ID, len(refs)), make([][]byte, len(refs))
	for i, p := range refs {
		events[i], hashes[i] = p.event, p.ref[:]
	}
	b := &pgx.Batch{}
	for _, table := range []string{"device", "visit", "presence", "decision"} {
		b.Queue(`DELETE FROM proximity.`+table+` t USING unnest($1::uuid[], $2::bytea[]) AS p (event, ref) WHERE t.event = p.event AND t.ref = p.ref`, events, hashes)
	}
	b.Queue(`DELETE FROM proximity.device WHERE installation = $1`, installation)
	if vouchers {
		b.Queue(`UPDATE proximity.voucher SET installation = NULL WHERE installation = $1`, installation)
	}
	return db.Classify("proximity.Forget", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// installationsOf are those that a person agreed for.
func (s *Service) installationsOf(ctx context.Context, person string) ([]Consent, error) {
	return consents(ctx, s.db.Pool(), `person = $1 AND person <> '' ORDER BY installation`, person)
}

// ownVisits are an installation's at the events whose key is still there.
func ownVisits(tx *db.Tx, refs []pseudonym) ([]Visit, error) {
	const op = "proximity.Visits"
	events, hashes := make([]id.ID, len(refs)), make([][]byte, len(refs))
	for i, p := range refs {
		events[i], hashes[i] = p.event, p.ref[:]
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT e.name, coalesce(z.name, ''), v.entered_at, v.left_at, v.confidence
		FROM proximity.visit v JOIN unnest($1::uuid[], $2::bytea[]) AS p (event, ref) ON v.event = p.event AND v.ref = p.ref
		JOIN proximity.event e ON e.id = v.event LEFT JOIN proximity.zone z ON z.id = v.zone ORDER BY v.entered_at DESC LIMIT 5000`, events, hashes)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v Visit, err error) {
		err = r.Scan(&v.Event, &v.Zone, &v.Entered, &v.Left, &v.Confidence)
		v.Entered, v.Left = v.Entered.UTC(), utc(v.Left)
		return v, err
	})
	return all, db.Classify(op, err)
}
