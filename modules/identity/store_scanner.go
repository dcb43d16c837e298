package identity

import (
	"github.com/usherhq/usher/modules/kernel/db"
)

// insertEnrolment keeps a code's hash; codes that lapsed give way.
func insertEnrolment(tx *db.Tx, e Enrolment, by string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `WITH lapsed AS (DELETE FROM identity.enrolment WHERE expires_at <= $5)
		INSERT INTO identity.enrolment (hash, name, event, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		hashOf(e.Code), e.Name, e.Event, by, tx.Now(), e.ExpiresAt)
	return db.Classify("identity.StartEnrolment", err)
}

// spendEnrolment takes a living code away. Errors: fault.NotFound.
func spendEnrolment(tx *db.Tx, hash []byte) (e Enrolment, by string, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `DELETE FROM identity.enrolment WHERE hash = $1 AND expires_at > $2 RETURNING name, event, created_by, expires_at`,
		hash, tx.Now()).Scan(&e.Name, &e.Event, &by, &e.ExpiresAt)
	return e, by, db.Classify("identity.EnrolScanner", err)
}
