package identity

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// lockOwners reads the ids of all owners and keeps their roles as they are until tx
// ends. A row that stopped being an owner's while we waited is left out.
func lockOwners(tx *db.Tx) ([]string, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT id::text FROM identity.person WHERE role = 'owner' ORDER BY id FOR UPDATE`)
	if err != nil {
		return nil, db.Classify("identity.SetRole", err)
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return owners, db.Classify("identity.SetRole", err)
}

func updateRole(tx *db.Tx, person string, role Role) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.person SET role = $2 WHERE id = $1`, person, role)
	if err == nil && tag.RowsAffected() == 0 {
		return noPerson(nil)
	}
	return db.Classify("identity.SetRole", err)
}

// revokeTokensOf ends the tokens of a person's apps.
func revokeTokensOf(tx *db.Tx, person string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.token_family SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL`, person, tx.Now())
	return db.Classify("identity.SetRole", err)
}

// listTeam reads everybody who is more than a customer, by role and name.
func (s *Service) listTeam(ctx context.Context) ([]Person, error) {
	const op = "identity.Team"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+personColumns+` FROM identity.person p WHERE p.role <> 'customer'
		ORDER BY array_position(ARRAY['owner', 'admin', 'staff', 'scanner'], p.role), lower(p.name), p.id`)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	team, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Person, error) { return scanPerson(r) })
	return team, db.Classify(op, err)
}

// findPeople reads persons of any role whose name or address begins with text, or
// whose id it is.
func (s *Service) findPeople(ctx context.Context, text string, limit int) ([]Person, error) {
	const op = "identity.FindPeople"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+personColumns+` FROM identity.person p
		WHERE starts_with(lower(p.name), lower($1)) OR starts_with(lower(p.email), lower($1)) OR p.id::text = $1
		ORDER BY lower(p.name), p.id LIMIT $2`, text, limit)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Person, error) { return scanPerson(r) })
	return found, db.Classify(op, err)
}
