package identity

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// In these tests the second begins before the first has committed.

func TestOvertakenClaimIsRefused(t *testing.T) {
	h := newHouse(t)
	ana, eve := h.person(RoleCustomer, "Ana"), h.person(RoleCustomer, "Eve")
	hash := hashOf(h.claim())
	first, second := h.overtaken(
		func(tx *db.Tx) error { return h.acceptClaim(tx, hash, ana.Person) },
		func(tx *db.Tx) error { return h.acceptClaim(tx, hash, eve.Person) })
	if first != nil || h.roleOf(ana) != RoleOwner || h.roleOf(eve) != RoleCustomer {
		t.Errorf("%v; Ana is %s, Eve is %s", first, h.roleOf(ana), h.roleOf(eve))
	}
	wantCode(t, "the second", second, fault.Forbidden)
}

func TestOvertakenInviteIsRefused(t *testing.T) {
	h := newHouse(t)
	ana, eve := h.person(RoleCustomer, "Ana"), h.person(RoleCustomer, "Eve")
	token, _ := h.invite(RoleAdmin)
	first, second := h.overtaken(
		func(tx *db.Tx) error { return h.acceptInvite(tx, hashOf(token), ana.Person) },
		func(tx *db.Tx) error { return h.acceptInvite(tx, hashOf(token), eve.Person) })
	if first != nil || h.roleOf(eve) != RoleCustomer {
		t.Errorf("%v; Eve is %s", first, h.roleOf(eve))
	}
	wantCode(t, "the second", second, fault.Forbidden)
}

// Of two owners one always stays: when each steps down, and when each takes the other's role.
func TestOvertakenDemotionKeepsAnOwner(t *testing.T) {
	for _, tc := range []struct {
		name      string
		eachOther bool
		second    fault.Code
		whoStays  string
	}{
		{name: "each steps down", second: fault.Conflict, whoStays: "ben"},
		{name: "each takes the other's role", eachOther: true, second: fault.Forbidden, whoStays: "ana"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t)
			people := map[string]web.Caller{"ana": h.person(RoleOwner, "Ana"), "ben": h.person(RoleOwner, "Ben")}
			ofAna, ofBen := people["ana"], people["ben"]
			if tc.eachOther {
				ofAna, ofBen = ofBen, ofAna
			}
			first, second := h.overtakenAs(people["ana"], people["ben"],
				func(tx *db.Tx) error { return h.SetRole(tx, ofAna.Person, RoleAdmin) },
				func(tx *db.Tx) error { return h.SetRole(tx, ofBen.Person, RoleAdmin) })
			if first != nil || h.roleOf(people[tc.whoStays]) != RoleOwner {
				t.Errorf("%v; Ana is %s, Ben is %s", first, h.roleOf(people["ana"]), h.roleOf(people["ben"]))
			}
			wantCode(t, "the second", second, tc.second)
		})
	}
}
