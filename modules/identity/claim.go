package identity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// claimAge is how long the link that makes the first owner works.
const claimAge = 30 * time.Minute

// NewClaim makes the one-time link by which the first owner claims this Usher, and
// kills the one before it. The secret stands behind a #, which browsers send to
// nobody. "" once there is an owner. site is the origin people reach us by.
func (s *Service) NewClaim(ctx context.Context, site string) (link string, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		link = ""
		owned, err := hasOwner(tx)
		if err != nil {
			return err
		}
		if owned {
			return deleteClaims(tx)
		}
		secret := newToken()
		link = site + "/claim#" + secret
		return replaceClaim(tx, hashOf(secret), tx.Now().Add(claimAge))
	})
	return link, err
}

// badClaim tells nothing about why: whoever holds the true link finds the new one
// in the log.
func badClaim() error {
	return fault.E("identity.Claim", fault.Forbidden, "this claim link does not work, or no longer", nil).
		WithFix("use the newest link that usher printed; a restart prints a new one, as long as there is no owner")
}

// checkClaim tries a claim's secret before its holder is sent to a provider, and
// returns what acceptClaim wants. It spends nothing. Errors: fault.Forbidden.
func (s *Service) checkClaim(ctx context.Context, secret string) (hash []byte, err error) {
	hash = hashOf(secret)
	return hash, s.db.InTx(ctx, func(tx *db.Tx) error {
		if owned, err := hasOwner(tx); err != nil || owned {
			return orError(err, badClaim)
		}
		found, err := findClaim(tx, hash)
		if err != nil || !found {
			return orError(err, badClaim)
		}
		return nil
	})
}

// acceptClaim makes person the first owner: once, and only while there is none.
// Of two that come at once, one wins. Errors: fault.Forbidden.
func (s *Service) acceptClaim(tx *db.Tx, hash []byte, person string) error {
	spent, err := spendClaim(tx, hash) // the row's lock puts two claims in line
	if err != nil || !spent {
		return orError(err, badClaim)
	}
	if owned, err := hasOwner(tx); err != nil || owned {
		return orError(err, badClaim)
	}
	if err := updateRole(tx, person, RoleOwner); err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: personActor(person), Action: "owner.claimed", Object: personActor(person)})
}

// orError is err, or else what otherwise says.
func orError(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

// personActor is how a person is named in logs, limits and the audit.
func personActor(person string) string { return "person:" + person }
