package identity

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// HasAudit reports whether a database has an audit log: one that usher has never
// started on has none.
func HasAudit(ctx context.Context, d *db.DB) (there bool, err error) {
	err = d.Pool().QueryRow(ctx, `SELECT to_regclass('identity.audit_head') IS NOT NULL`).Scan(&there)
	return there, db.Classify("identity.HasAudit", err)
}

// lockAuditHead reads the chain's end and keeps other appends waiting until tx ends.
func lockAuditHead(tx *db.Tx) (auditHead, error) {
	var h auditHead
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT no, hash FROM identity.audit_head FOR UPDATE`).Scan(&h.no, &h.hash)
	return h, db.Classify("identity.Audit", err)
}

func appendAudit(tx *db.Tx, l AuditLine, next auditHead) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `WITH moved AS (UPDATE identity.audit_head SET no = $1, hash = $7, sealed = $8)
		INSERT INTO identity.audit (no, at, actor, action, object, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		l.No, l.At, l.Actor, l.Action, l.Object, l.Detail, []byte(l.Hash), next.sealed)
	return db.Classify("identity.Audit", err)
}

const auditColumns = `no, at, actor, action, object, detail::text, hash`

func scanAudit(row pgx.Row) (l AuditLine, err error) {
	var detail string
	err = row.Scan(&l.No, &l.At, &l.Actor, &l.Action, &l.Object, &detail, (*[]byte)(&l.Hash))
	l.At, l.Detail = l.At.UTC(), []byte(detail)
	return l, err
}

// readAudit gives every line to fn in order, as of one instant, and returns the
// chain's end of the same instant.
func (s *Service) readAudit(ctx context.Context, fn func(AuditLine) error) (head auditHead, err error) {
	const op = "identity.VerifyAudit"
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Conn().Exec(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
			return db.Classify(op, err)
		}
		err := tx.Conn().QueryRow(ctx, `SELECT no, hash, sealed FROM identity.audit_head`).Scan(&head.no, &head.hash, &head.sealed)
		if err != nil {
			return db.Classify(op, err)
		}
		rows, err := tx.Conn().Query(ctx, `SELECT `+auditColumns+` FROM identity.audit ORDER BY no`)
		if err != nil {
			return db.Classify(op, err)
		}
		defer rows.Close()
		for rows.Next() {
			l, err := scanAudit(rows)
			if err != nil {
				return db.Classify(op, err)
			}
			if err := fn(l); err != nil {
				return err
			}
		}
		return db.Classify(op, rows.Err())
	})
	return head, err
}

func (s *Service) listAudit(ctx context.Context, f AuditFilter, before int64, limit int) ([]AuditLine, error) {
	const op = "identity.AuditLog"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+auditColumns+` FROM identity.audit
		WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR action = $2 OR $3 AND starts_with(action, $2))
		  AND ($4 = '' OR object = $4) AND ($5 = 0 OR no < $5) ORDER BY no DESC LIMIT $6`,
		f.Actor, f.Action, strings.HasSuffix(f.Action, "."), f.Object, before, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	lines, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (AuditLine, error) { return scanAudit(r) })
	return lines, db.Classify(op, err)
}
