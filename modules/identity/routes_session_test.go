package identity

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestSessionsEndUnusedAndAfterAll(t *testing.T) {
	d := newDoorway(t)
	d.whenever()
	v := d.visitor()
	v.signIn("one", "ana")
	d.clock.Advance(d.cfg.Session - time.Second)
	if v.who() == "" {
		t.Fatal("ended too early")
	}
	d.clock.Advance(d.cfg.Session)
	if v.who() != "" {
		t.Error("a session that was not used lives on")
	}
	v.signIn("one", "ana")
	for range int(sessionLimit/d.cfg.Session) * 2 {
		v.who()
		d.clock.Advance(d.cfg.Session / 2)
	}
	if v.who() != "" {
		t.Error("a session that is always used never ends")
	}
}

func TestSessionsAreListedAndRevoked(t *testing.T) {
	d := newDoorway(t)
	v, other, eve := d.visitor(), d.visitor(), d.visitor()
	v.signIn("one", "ana")
	d.clock.Advance(time.Second)
	other.signIn("one", "ana")
	eve.signIn("one", "eve")
	ana := strings.TrimPrefix(v.who(), "person:")
	all, err := d.Sessions(t.Context(), ana)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	wantCode(t, "another's session", d.RevokeSession(t.Context(), strings.TrimPrefix(eve.who(), "person:"), all[0].ID), fault.NotFound)
	if err := d.RevokeSession(t.Context(), ana, all[0].ID); err != nil {
		t.Fatal(err)
	}
	if other.who() != "" || v.who() == "" || eve.who() == "" {
		t.Error("another session than the revoked one ended")
	}
	other.signIn("one", "ana")
	if err := d.RevokeSessions(t.Context(), ana, all[1].ID); err != nil || other.who() != "" || v.who() == "" {
		t.Errorf("all but one: %v", err)
	}
}

// The last use is written at most once a minute.
func TestTheLastUseIsWrittenOnceAMinute(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	v.signIn("one", "ana")
	seen := func() time.Time {
		v.who()
		all, err := d.Sessions(t.Context(), strings.TrimPrefix(v.who(), "person:"))
		if err != nil {
			t.Fatal(err)
		}
		return all[0].SeenAt
	}
	first := seen()
	d.clock.Advance(sessionStep - time.Second)
	if !seen().Equal(first) {
		t.Error("written within a minute")
	}
	d.clock.Advance(2 * time.Second)
	if !seen().Equal(d.clock.Now()) {
		t.Error("not written after a minute")
	}
}

const sameOrigin = "same-origin"

// linked goes through linking a further identity and returns how it ended.
func (v *visitor) linked(provider, user string) int {
	v.t.Helper()
	to := v.begin("/auth/"+provider+"/link?return=/account", "Sec-Fetch-Site", sameOrigin)
	if valueOf(to, "prompt") != "login" || valueOf(to, "max_age") != "600" {
		v.t.Errorf("the provider need not ask again: %s", to)
	}
	status, _, _ := v.ask(v.pick(to, user), nil)
	return status
}

func TestLinkingJoinsTwoIdentitiesOfOnePerson(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	v.signIn("one", "ana")
	ana := v.who()
	if status := v.linked("two", "mallory"); status != http.StatusSeeOther || v.who() != ana {
		t.Fatalf("linked: %d, now %s", status, v.who())
	}
	other := d.visitor()
	if other.signIn("two", "mallory"); other.who() != ana {
		t.Errorf("the linked identity signs in %s", other.who())
	}
	person := strings.TrimPrefix(ana, "person:")
	logins, err := d.Logins(t.Context(), person)
	if err != nil || len(logins) != 2 {
		t.Fatalf("%v, %v", logins, err)
	}
	x := Session{Person: person, SignedAt: d.clock.Now()}
	old := Session{Person: person, SignedAt: d.clock.Now().Add(-freshFor)}
	wantCode(t, "unlink from an old session", d.Unlink(t.Context(), old, logins[0].Issuer, logins[0].Subject), fault.Forbidden)
	wantCode(t, "unlink another's", d.Unlink(t.Context(), x, logins[0].Issuer, "eve"), fault.NotFound)
	if err := d.Unlink(t.Context(), x, logins[0].Issuer, logins[0].Subject); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "unlink the last", d.Unlink(t.Context(), x, logins[1].Issuer, logins[1].Subject), fault.Conflict)
}

func TestLinkingNeedsAFreshSignInOnBothSides(t *testing.T) {
	d := newDoorway(t)
	d.whenever()
	v := d.visitor()
	if status, _, _ := v.ask("/auth/two/link", nil, "Sec-Fetch-Site", sameOrigin); status != http.StatusUnauthorized {
		t.Errorf("signed in as nobody: %d", status)
	}
	v.signIn("one", "ana")
	for _, site := range []string{"", "cross-site", "same-site", "none"} {
		if status, _, _ := v.ask("/auth/two/link", nil, "Sec-Fetch-Site", site); status != http.StatusForbidden {
			t.Errorf("from %q: %d", site, status)
		}
	}
	back := v.pick(v.begin("/auth/two/link", "Sec-Fetch-Site", sameOrigin), "mallory")
	d.clock.Advance(freshFor - time.Second)
	late := v.begin("/auth/two/link", "Sec-Fetch-Site", sameOrigin)
	d.clock.Advance(time.Second)
	if status, _, _ := v.ask("/auth/two/link", nil, "Sec-Fetch-Site", sameOrigin); status != http.StatusForbidden {
		t.Errorf("from an old session: %d", status)
	}
	v.refused("the session grew old on the way", v.pick(late, "mallory"))
	v.refused("in another sign-in's cookie", back)
	d.signedOutMeanwhile(v)
}

// A provider that lets a browser in because it was there yesterday proves nothing now.
func TestLinkingNeedsAProviderThatAskedNow(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	v.signIn("one", "ana")
	for age, want := range map[time.Duration]int{freshFor + time.Second: http.StatusForbidden, freshFor - time.Minute: http.StatusSeeOther} {
		d.two.Lie(map[string]any{"auth_time": d.clock.Now().Add(-age).Unix()})
		if status := v.linked("two", "mallory"); status != want {
			t.Errorf("asked %v ago: %d, want %d", age, status, want)
		}
	}
}

func (d *doorway) signedOutMeanwhile(v *visitor) {
	d.t.Helper()
	v.signIn("one", "ana")
	back := v.pick(v.begin("/auth/two/link", "Sec-Fetch-Site", sameOrigin), "mallory")
	v.ask("/sign-out", map[string][]string{})
	v.refused("signed out on the way", back)
}

// An identity that is somebody's stays theirs.
func TestLinkingTakesNobodysIdentity(t *testing.T) {
	d := newDoorway(t)
	mallory, v := d.visitor(), d.visitor()
	mallory.signIn("two", "mallory")
	was := mallory.who()
	v.signIn("one", "ana")
	if status := v.linked("two", "mallory"); status != http.StatusConflict {
		t.Errorf("linked somebody else's: %d", status)
	}
	if mallory.signIn("two", "mallory"); mallory.who() != was {
		t.Errorf("mallory became %s", mallory.who())
	}
}

func TestAnUnreachableProviderStopsItselfAlone(t *testing.T) {
	d := newDoorway(t)
	d.two.Close()
	v := d.visitor()
	if status, _, _ := v.ask("/auth/two", nil); status != http.StatusServiceUnavailable {
		t.Errorf("away: %d", status)
	}
	if status, _, _ := v.ask("/auth/three", nil); status != http.StatusNotFound {
		t.Errorf("unknown: %d", status)
	}
	v.signIn("one", "ana")
}
