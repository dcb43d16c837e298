package identity

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (h *house) claim() (secret string) {
	h.t.Helper()
	link, err := h.NewClaim(h.t.Context(), "http://localhost:8080")
	if err != nil {
		h.t.Fatal(err)
	}
	_, secret, _ = strings.Cut(link, "#")
	return secret
}

func (h *house) accept(secret string, c web.Caller) error {
	hash, err := h.checkClaim(h.t.Context(), secret)
	if err != nil {
		return err
	}
	return h.as(c, func(tx *db.Tx) error { return h.acceptClaim(tx, hash, c.Person) })
}

func TestClaimMakesTheFirstOwnerOnce(t *testing.T) {
	h := newHouse(t)
	ana, eve := h.person(RoleCustomer, "Ana"), h.person(RoleCustomer, "Eve")
	secret := h.claim()
	if err := h.accept(secret, ana); err != nil || h.roleOf(ana) != RoleOwner {
		t.Fatalf("%v %s", err, h.roleOf(ana))
	}
	wantCode(t, "the same link again", h.accept(secret, eve), fault.Forbidden)
	if again := h.claim(); again != "" {
		t.Error("a link although there is an owner")
	}
	if h.roleOf(eve) != RoleCustomer {
		t.Error("Eve became something")
	}
	h.behind(`UPDATE identity.person SET role = 'customer'`)
	wantCode(t, "the same link again, and no owner any more", h.accept(secret, eve), fault.Forbidden)
}

func TestClaimLinkDies(t *testing.T) {
	h := newHouse(t)
	ana := h.person(RoleCustomer, "Ana")
	first := h.claim()
	second := h.claim() // usher was restarted
	wantCode(t, "the link of an earlier start", h.accept(first, ana), fault.Forbidden)
	wantCode(t, "a guess", h.accept(newToken(), ana), fault.Forbidden)
	wantCode(t, "nothing", h.accept("", ana), fault.Forbidden)
	hash, err := h.checkClaim(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(claimAge)
	wantCode(t, "a link past its time", h.accept(second, ana), fault.Forbidden)
	wantCode(t, "a link that lapsed during the sign-in", h.as(ana, func(tx *db.Tx) error { return h.acceptClaim(tx, hash, ana.Person) }), fault.Forbidden)
	// A claim that outlived the coming of an owner by another way is dead as well.
	third := h.claim()
	hash, _ = h.checkClaim(t.Context(), third)
	h.person(RoleOwner, "Owen")
	wantCode(t, "a link beside an owner", h.accept(third, ana), fault.Forbidden)
	wantCode(t, "a link that an owner overtook", h.as(ana, func(tx *db.Tx) error { return h.acceptClaim(tx, hash, ana.Person) }), fault.Forbidden)
}

func TestOfTwoClaimsAtOnceOneWins(t *testing.T) {
	h := newHouse(t)
	secret := h.claim()
	var all []func() error
	var people []web.Caller
	for range 6 {
		c := h.person(RoleCustomer, "")
		people = append(people, c)
		all = append(all, func() error { return h.accept(secret, c) })
	}
	owners := 0
	for i, err := range atOnce(all...) {
		if err == nil {
			owners++
		} else if !fault.Is(err, fault.Forbidden) {
			t.Error(err)
		}
		if (err == nil) != (h.roleOf(people[i]) == RoleOwner) {
			t.Errorf("%v, but the role is %s", err, h.roleOf(people[i]))
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}

func (h *house) invite(role Role) (token string, v Invite) {
	h.t.Helper()
	h.must(func(tx *db.Tx) (err error) { token, v, err = h.CreateInvite(tx, role, InviteAge); return err })
	return token, v
}

func (h *house) join(token string, c web.Caller) error {
	hash, _, err := h.checkInvite(h.t.Context(), token)
	if err != nil {
		return err
	}
	return h.as(c, func(tx *db.Tx) error { return h.acceptInvite(tx, hash, c.Person) })
}

func TestInviteGivesItsRoleOnce(t *testing.T) {
	h := newHouse(t)
	ana, ben := h.person(RoleCustomer, "Ana"), h.person(RoleCustomer, "Ben")
	token, _ := h.invite(RoleAdmin)
	if err := h.join(token, ana); err != nil || h.roleOf(ana) != RoleAdmin {
		t.Fatalf("%v %s", err, h.roleOf(ana))
	}
	wantCode(t, "again", h.join(token, ben), fault.Forbidden)
	lower, _ := h.invite(RoleScanner)
	if err := h.join(lower, ana); err != nil || h.roleOf(ana) != RoleAdmin {
		t.Errorf("an invite took a role away: %v %s", err, h.roleOf(ana))
	}
}

// The command line makes an invite without the database.
func TestInviteOfTheCommandLine(t *testing.T) {
	h := newHouse(t)
	ana, ben := h.person(RoleCustomer, "Ana"), h.person(RoleCustomer, "Ben")
	token, _, err := MakeInvite(h.key, RoleOwner, "command line", h.clock.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	results := atOnce(func() error { return h.join(token, ana) }, func() error { return h.join(token, ben) })
	if (results[0] == nil) == (results[1] == nil) {
		t.Errorf("of two at once one must win: %v", results)
	}
	late, _, _ := MakeInvite(h.key, RoleStaff, "command line", h.clock.Now(), time.Hour)
	h.clock.Advance(time.Hour)
	wantCode(t, "a late one", h.join(late, ben), fault.Forbidden)
	for _, bad := range []struct {
		role  Role
		lasts time.Duration
	}{{RoleCustomer, time.Hour}, {"king", time.Hour}, {RoleStaff, 0}, {RoleStaff, 31 * day}} {
		_, _, err := MakeInvite(h.key, bad.role, "x", h.clock.Now(), bad.lasts)
		wantCode(t, string(bad.role), err, fault.Invalid)
	}
}

func TestInvitesAreNotForged(t *testing.T) {
	h := newHouse(t)
	ana := h.person(RoleCustomer, "Ana")
	token, v := h.invite(RoleStaff)
	other, err := seal.Parse("//////////////////////////////////////////8=")
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, _ := MakeInvite(other, RoleOwner, "eve", h.clock.Now(), time.Hour)
	sealed, _ := h.key.Seal([]byte(`{"role":"owner"}`), []byte("something else"))
	for what, bad := range map[string]string{"of another key": foreign, "cut": token[:len(token)-2], "nothing": "", "no base64": "!!!",
		"sealed for something else": string(sealed), "long": strings.Repeat("A", 5000), "altered": flip(token)} {
		wantCode(t, what, h.join(bad, ana), fault.Forbidden)
	}
	h.must(func(tx *db.Tx) error { return h.RevokeInvite(tx, v.ID) })
	wantCode(t, "revoked", h.join(token, ana), fault.Forbidden)
	if h.roleOf(ana) != RoleCustomer {
		t.Error("Ana became something")
	}
}

// flip changes one character in the middle.
func flip(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] > 'z' || b[len(b)/2] == '`' || b[len(b)/2] == '[' || b[len(b)/2] == ':' {
		b[len(b)/2] = 'A'
	}
	return string(b)
}

func (h *house) setRole(by, who web.Caller, role Role) error {
	return h.as(by, func(tx *db.Tx) error { return h.SetRole(tx, who.Person, role) })
}

func TestLastOwnerStays(t *testing.T) {
	h := newHouse(t)
	ana := h.person(RoleOwner, "Ana")
	for _, role := range []Role{RoleAdmin, RoleCustomer} {
		wantCode(t, string(role), h.setRole(ana, ana, role), fault.Conflict)
	}
	ben := h.person(RoleOwner, "Ben")
	if err := h.setRole(ana, ana, RoleStaff); err != nil {
		t.Error(err)
	}
	wantCode(t, "Ben, now the last", h.setRole(ben, ben, RoleAdmin), fault.Conflict)
}

func TestOwnersWhoDemoteEachOtherLeaveOne(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		ana, ben := h.person(RoleOwner, "Ana"), h.person(RoleOwner, "Ben")
		errs := atOnce(
			func() error { return h.setRole(ana, ben, RoleAdmin) },
			func() error { return h.setRole(ben, ana, RoleAdmin) },
			func() error { return h.setRole(ana, ben, RoleCustomer) },
		)
		owners := 0
		for _, c := range []web.Caller{ana, ben} {
			if h.roleOf(c) == RoleOwner {
				owners++
			}
		}
		if owners != 1 {
			t.Fatalf("%d owners are left: %v", owners, errs)
		}
		h.behind(`UPDATE identity.person SET role = 'customer'`)
	}
}

func TestOnlyOwnersChangeRoles(t *testing.T) {
	h := newHouse(t)
	ana, adam, cleo := h.person(RoleOwner, "Ana"), h.person(RoleAdmin, "Adam"), h.person(RoleCustomer, "Cleo")
	wantCode(t, "an admin", h.setRole(adam, adam, RoleOwner), fault.Forbidden)
	wantCode(t, "nobody", h.setRole(web.Caller{}, adam, RoleOwner), fault.Forbidden)
	wantCode(t, "an unknown role", h.setRole(ana, adam, "king"), fault.Invalid)
	wantCode(t, "an unknown person", h.setRole(ana, web.Caller{Person: "nobody"}, RoleAdmin), fault.NotFound)
	if err := h.setRole(ana, cleo, RoleStaff); err != nil || h.roleOf(cleo) != RoleStaff {
		t.Error(err)
	}
}

// A role that is taken is taken from the browsers and apps that are open, too.
func TestChangedRoleEndsSessionsAndTokens(t *testing.T) {
	h := newHouse(t)
	ana, adam := h.person(RoleOwner, "Ana"), h.person(RoleAdmin, "Adam")
	var secret string
	h.must(func(tx *db.Tx) (err error) {
		secret, err = h.OpenSession(tx, Opening{Person: adam.Person, Provider: "test"})
		return err
	})
	if _, err := h.Authenticate(t.Context(), Shown{Session: secret}); err != nil {
		t.Fatal(err)
	}
	if err := h.setRole(ana, adam, RoleStaff); err != nil {
		t.Fatal(err)
	}
	_, err := h.Authenticate(t.Context(), Shown{Session: secret})
	wantCode(t, "the old session", err, fault.Unauthenticated)
	if log := h.actions(); !slices.Contains(log, "role.changed") {
		t.Errorf("the audit says %v", log)
	}
}
