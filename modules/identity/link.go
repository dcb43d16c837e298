package identity

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// link lets a person sign in with a further identity: from a session that began a
// moment ago, with an identity that was proved just now. Nothing else ever joins
// two identities.
// Errors: fault.Forbidden for a session that is gone or too old, fault.Conflict
// when the identity is another person's.
func (s *Service) link(tx *db.Tx, session string, v Vouched) error {
	const op = "identity.Link"
	asking, err := lockSession(tx, session)
	if fault.Is(err, fault.NotFound) || err == nil && !asking.Fresh(tx.Now()) {
		return notFresh(op)
	}
	if err != nil {
		return err
	}
	if !v.ProvedAt.IsZero() && tx.Now().Sub(v.ProvedAt) >= freshFor {
		return fault.E(op, fault.Forbidden, v.Provider+" did not ask who is there, it remembered", nil).WithFix("sign out there, and link it again")
	}
	if err := lockLogin(tx, v.Issuer, v.Subject); err != nil {
		return err
	}
	owner, err := personOfLogin(tx, v.Issuer, v.Subject)
	switch {
	case err == nil && owner.ID != asking.Person:
		return fault.E(op, fault.Conflict, "somebody else signs in with this account", nil).
			WithFix("sign in with it, unlink it there, and link it here afterwards")
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	}
	if err := putLogin(tx, asking.Person, v); err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: "person:" + asking.Person, Action: "login.linked", Object: "person:" + asking.Person,
		Detail: map[string]any{"provider": v.Provider, "issuer": v.Issuer}})
}

// notFresh asks for a new sign-in before something sensitive.
func notFresh(op string) error {
	return fault.E(op, fault.Forbidden, "this needs a sign-in of the last ten minutes", nil).WithFix("sign out, sign in again, and repeat it")
}

// Logins lists how a person signs in.
func (s *Service) Logins(ctx context.Context, person string) ([]Login, error) {
	return s.loginsOf(ctx, person)
}

// Unlink takes one way of signing in from the person of a session. Errors:
// fault.Forbidden unless the session is fresh, fault.NotFound, fault.Conflict
// when it is the last one.
func (s *Service) Unlink(ctx context.Context, session Session, issuer, subject string) error {
	const op = "identity.Unlink"
	if !session.Fresh(s.db.Now()) {
		return notFresh(op)
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := lockPerson(tx, session.Person); err != nil {
			return err
		}
		left, err := deleteLogin(tx, session.Person, issuer, subject)
		if err != nil {
			return err
		}
		if left == 0 {
			return fault.E(op, fault.Conflict, "this is the only way you sign in", nil).WithFix("link another one first")
		}
		return s.audit(tx, Entry{Actor: "person:" + session.Person, Action: "login.unlinked", Object: "person:" + session.Person,
			Detail: map[string]any{"issuer": issuer}})
	})
}
