package identity

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// putErasure notes that a person is to be forgotten; asking twice is fine.
func putErasure(tx *db.Tx, person, by string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO identity.erasure (person, asked_by, asked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, person, by, tx.Now())
	return db.Classify("identity.AskErasure", err)
}

// erased reports whether a person's erasure was asked for and is done.
// Errors: fault.NotFound when nobody asked.
func (s *Service) erased(ctx context.Context, person string) (done bool, err error) {
	if _, err := id.Parse(person); err != nil {
		return false, noPerson(err)
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT done_at IS NOT NULL FROM identity.erasure WHERE person = $1`, person).Scan(&done)
	if err = db.Classify("identity.Erase", err); fault.Is(err, fault.NotFound) {
		err = fault.E("identity.Erase", fault.NotFound, "nobody asked for this erasure", err)
	}
	return done, err
}

// finishErasure notes that a person is forgotten; first is false for a repetition.
func finishErasure(tx *db.Tx, person string) (first bool, err error) {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.erasure SET done_at = $2 WHERE person = $1 AND done_at IS NULL`, person, tx.Now())
	return tag.RowsAffected() == 1, db.Classify("identity.Erase", err)
}

// deletePerson removes the row of somebody who has left the team.
func deletePerson(tx *db.Tx, person string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.person WHERE id = $1 AND role = 'customer'`, person)
	return db.Classify("identity.Erase", err)
}
