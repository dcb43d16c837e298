package identity

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// roles are all of them, the mightiest first.
var roles = []Role{RoleOwner, RoleAdmin, RoleStaff, RoleScanner, RoleCustomer}

// above reports whether r may more than other.
func (r Role) above(other Role) bool { return slices.Index(roles, r) < slices.Index(roles, other) }

// SetRole makes person what role says; RoleCustomer takes them off the team. All
// their sessions and tokens end, so that nobody acts by a right they had.
//
// The last owner stays one, also when two owners take each other's role at once:
// both wait for the same rows, and the second no longer is an owner.
// Errors: fault.Invalid, fault.NotFound, fault.Forbidden when the caller is no
// owner, fault.Conflict for the last owner.
func (s *Service) SetRole(tx *db.Tx, person string, role Role) error {
	const op = "identity.SetRole"
	if !slices.Contains(roles, role) {
		return fault.BadField(op, "role", "is no role", "owner, admin, staff, scanner or customer")
	}
	owners, err := lockOwners(tx)
	if err != nil {
		return err
	}
	// The guard saw an owner; by now it may have been taken from them.
	if !slices.Contains(owners, web.CallerOf(tx.Ctx()).Person) {
		return fault.E(op, fault.Forbidden, "only an owner changes roles", nil)
	}
	p, err := lockPerson(tx, person)
	if err != nil || p.Role == role {
		return err
	}
	if err := keepsAnOwner(op, owners, p, role); err != nil {
		return err
	}
	if err := updateRole(tx, p.ID, role); err != nil {
		return err
	}
	if err := s.endAccess(tx, p.ID); err != nil {
		return err
	}
	return s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "role.changed", Object: personActor(p.ID),
		Detail: map[string]any{"from": string(p.Role), "to": string(role)}})
}

// keepsAnOwner refuses to take its last owner from Usher.
func keepsAnOwner(op string, owners []string, p Person, role Role) error {
	if p.Role == RoleOwner && role != RoleOwner && len(owners) < 2 {
		return fault.E(op, fault.Conflict, "this is the last owner", nil).WithFix("make somebody else an owner first")
	}
	return nil
}

// endAccess ends every way in that a person has open.
func (s *Service) endAccess(tx *db.Tx, person string) error {
	if err := deleteSessionsOf(tx, person, ""); err != nil {
		return err
	}
	return revokeTokensOf(tx, person)
}
