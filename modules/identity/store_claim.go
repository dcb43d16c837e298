package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func hasOwner(tx *db.Tx) (owned bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM identity.person WHERE role = 'owner')`).Scan(&owned)
	return owned, db.Classify("identity.Claim", err)
}

// owned reports whether there is an owner.
func (s *Service) owned(ctx context.Context) (owned bool, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error { owned, err = hasOwner(tx); return err })
	return owned, err
}

func deleteClaims(tx *db.Tx) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.claim`)
	return db.Classify("identity.Claim", err)
}

func replaceClaim(tx *db.Tx, hash []byte, expires time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.claim (hash, created_at, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		hash, tx.Now(), expires)
	return db.Classify("identity.Claim", err)
}

func findClaim(tx *db.Tx, hash []byte) (found bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM identity.claim WHERE hash = $1 AND expires_at > $2)`, hash, tx.Now()).Scan(&found)
	return found, db.Classify("identity.Claim", err)
}

func spendClaim(tx *db.Tx, hash []byte) (spent bool, err error) {
	tag, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.claim WHERE hash = $1 AND expires_at > $2`, hash, tx.Now())
	return tag.RowsAffected() == 1, db.Classify("identity.Claim", err)
}

const inviteColumns = `id, role, made_by, created_at, expires_at, spent_at, coalesce(spent_by, ''), revoked_at`

func (v *Invite) columns() []any {
	return []any{&v.ID, &v.Role, &v.MadeBy, &v.CreatedAt, &v.ExpiresAt, &v.SpentAt, &v.SpentBy, &v.RevokedAt}
}

// putInvite keeps an invite's row; one that is there already stays as it is.
func putInvite(tx *db.Tx, hash []byte, v Invite) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.invite (id, hash, role, made_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, v.ID, hash, v.Role, v.MadeBy, v.CreatedAt, v.ExpiresAt)
	return db.Classify("identity.Invite", err)
}

// lockInvite reads an invite and keeps others from spending it until tx ends.
func lockInvite(tx *db.Tx, hash []byte) (Invite, error) {
	var v Invite
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT `+inviteColumns+` FROM identity.invite WHERE hash = $1 FOR UPDATE`, hash).Scan(v.columns()...)
	return v, db.Classify("identity.Invite", err)
}

func spendInvite(tx *db.Tx, invite id.ID, person string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.invite SET spent_at = $2, spent_by = $3 WHERE id = $1`, invite, tx.Now(), person)
	return db.Classify("identity.Invite", err)
}

// revokeInvite ends an open invite. Errors: fault.NotFound.
func revokeInvite(tx *db.Tx, invite id.ID) (role Role, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `UPDATE identity.invite SET revoked_at = $2 WHERE id = $1 AND spent_at IS NULL AND revoked_at IS NULL RETURNING role`,
		invite, tx.Now()).Scan(&role)
	if err = db.Classify("identity.RevokeInvite", err); fault.Is(err, fault.NotFound) {
		err = fault.E("identity.RevokeInvite", fault.NotFound, "there is no such open invite", err)
	}
	return role, err
}

// openInvites lists those that somebody may still accept, the newest first.
func (s *Service) openInvites(ctx context.Context) ([]Invite, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+inviteColumns+` FROM identity.invite
		WHERE spent_at IS NULL AND revoked_at IS NULL AND expires_at > $1 ORDER BY created_at DESC, id`, s.db.Now())
	if err != nil {
		return nil, db.Classify("identity.Invites", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v Invite, err error) { return v, r.Scan(v.columns()...) })
	return list, db.Classify("identity.Invites", err)
}
