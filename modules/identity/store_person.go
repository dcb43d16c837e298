package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const personColumns = `p.id, p.name, p.email, p.role, p.locale, p.created_at, p.seen_at`

func scanPerson(row pgx.Row) (Person, error) {
	var p Person
	var key id.ID
	var seen *time.Time
	if err := row.Scan(&key, &p.Name, &p.Email, &p.Role, &p.Locale, &p.CreatedAt, &seen); err != nil {
		return Person{}, err
	}
	p.ID, p.CreatedAt = key.String(), p.CreatedAt.UTC()
	if seen != nil {
		p.SeenAt = seen.UTC()
	}
	return p, nil
}

func noPerson(err error) *fault.Error {
	return fault.E("identity.Person", fault.NotFound, "there is no such person", err)
}

// Person is the person with this id. Errors: fault.NotFound.
func (s *Service) Person(ctx context.Context, person string) (Person, error) {
	key, err := id.Parse(person)
	if err != nil {
		return Person{}, noPerson(err)
	}
	p, err := scanPerson(s.db.Pool().QueryRow(ctx, `SELECT `+personColumns+` FROM identity.person p WHERE p.id = $1`, key))
	if err = db.Classify("identity.Person", err); fault.Is(err, fault.NotFound) {
		return Person{}, noPerson(err)
	}
	return p, err
}

// Contact is how a person is named and written to, as the provider tells it: to fill a form
// with, never to recognise anybody by. Errors: fault.NotFound.
func (s *Service) Contact(ctx context.Context, person string) (name, email string, err error) {
	p, err := s.Person(ctx, person)
	return p.Name, p.Email, err
}

// lockPerson reads a person and keeps others from changing them until tx ends.
func lockPerson(tx *db.Tx, person string) (Person, error) {
	key, err := id.Parse(person)
	if err != nil {
		return Person{}, noPerson(err)
	}
	p, err := scanPerson(tx.Conn().QueryRow(tx.Ctx(), `SELECT `+personColumns+` FROM identity.person p WHERE p.id = $1 FOR UPDATE`, key))
	if err = db.Classify("identity.Person", err); fault.Is(err, fault.NotFound) {
		return Person{}, noPerson(err)
	}
	return p, err
}

// personOfLogin is whom a provider's word stands for. Errors: fault.NotFound.
func personOfLogin(tx *db.Tx, issuer, subject string) (Person, error) {
	p, err := scanPerson(tx.Conn().QueryRow(tx.Ctx(), `SELECT `+personColumns+` FROM identity.login l JOIN identity.person p ON p.id = l.person_id
		WHERE l.issuer = $1 AND l.subject = $2 FOR UPDATE OF p`, issuer, subject))
	return p, db.Classify("identity.personOfLogin", err)
}

// insertPerson adds a person, with a new id when it has none.
func insertPerson(tx *db.Tx, p *Person) error {
	if p.ID == "" {
		p.ID = id.New().String()
	}
	p.CreatedAt = tx.Now()
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.person (id, name, email, role, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, p.Name, p.Email, p.Role, p.Locale, p.CreatedAt)
	return db.Classify("identity.insertPerson", err)
}

// describePerson takes over what the provider tells now, where it tells anything.
func describePerson(tx *db.Tx, p *Person, v Vouched) error {
	p.Name, p.Email, p.Locale, p.SeenAt = orElse(v.Name, p.Name), orElse(v.Email, p.Email), orElse(v.Locale, p.Locale), tx.Now()
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE identity.person SET name = $2, email = $3, locale = $4, seen_at = $5 WHERE id = $1`,
		p.ID, p.Name, p.Email, p.Locale, p.SeenAt)
	return db.Classify("identity.describePerson", err)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// lockLogin makes sign-ins of one identity wait for each other: two first ones at
// once must not make two persons.
func lockLogin(tx *db.Tx, issuer, subject string) error {
	_, err := tx.Conn().Exec(tx.Ctx(),
		`SELECT pg_advisory_xact_lock(hashtextextended(jsonb_build_array('usher login', $1::text, $2::text)::text, 0))`, issuer, subject)
	return db.Classify("identity.lockLogin", err)
}

// putLogin links an identity to a person, or notes its use. It never moves one:
// the caller has looked whose it is, under lockLogin.
func putLogin(tx *db.Tx, person string, v Vouched) error {
	_, err := tx.Conn().Exec(tx.Ctx(),
		`INSERT INTO identity.login (issuer, subject, person_id, provider, name, email, linked_at, used_at)
		 VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
		 ON CONFLICT (issuer, subject) DO UPDATE SET provider = excluded.provider, name = excluded.name,
		   email = excluded.email, used_at = excluded.used_at`,
		v.Issuer, v.Subject, person, v.Provider, v.Name, v.Email, tx.Now())
	return db.Classify("identity.putLogin", err)
}

// loginsOf lists how a person signs in, the oldest first.
func (s *Service) loginsOf(ctx context.Context, person string) ([]Login, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT issuer, subject, provider, name, email, linked_at, used_at
		FROM identity.login WHERE person_id = $1 ORDER BY linked_at, issuer, subject`, person)
	if err != nil {
		return nil, db.Classify("identity.Logins", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Login, error) {
		var l Login
		err := row.Scan(&l.Issuer, &l.Subject, &l.Provider, &l.Name, &l.Email, &l.LinkedAt, &l.UsedAt)
		l.LinkedAt, l.UsedAt = l.LinkedAt.UTC(), l.UsedAt.UTC()
		return l, err
	})
	return all, db.Classify("identity.Logins", err)
}

// deleteLogin unlinks an identity of a person, whose row the caller has locked;
// left is how many the person has then. Errors: fault.NotFound.
func deleteLogin(tx *db.Tx, person, issuer, subject string) (left int, err error) {
	const op = "identity.Unlink"
	tag, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM identity.login WHERE person_id = $1 AND issuer = $2 AND subject = $3`, person, issuer, subject)
	if err == nil && tag.RowsAffected() == 0 {
		return 0, fault.E(op, fault.NotFound, "you do not sign in that way", nil)
	}
	if err == nil {
		err = tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*) FROM identity.login WHERE person_id = $1`, person).Scan(&left)
	}
	return left, db.Classify(op, err)
}
