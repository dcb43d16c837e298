package identity

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/identity/oidctest"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestSignInLeadsBackToThePageThatWasAsked(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	back := v.pick(v.begin("/auth/one?return="+url.QueryEscape("/orders?page=2")), "ana")
	status, to, _ := v.ask(back, nil)
	if status != http.StatusSeeOther || to != d.base+"/orders?page=2" {
		t.Fatalf("sent to %d %s", status, to)
	}
	who := v.who()
	if !strings.HasPrefix(who, "person:") {
		t.Fatalf("signed in as %q", who)
	}
	p, err := d.Person(t.Context(), strings.TrimPrefix(who, "person:"))
	if err != nil || p.Name != "Ana" || p.Email != "ana@example.org" || p.Role != RoleCustomer {
		t.Errorf("taken in as %+v, %v", p, err)
	}
	again := d.visitor()
	if again.signIn("one", "ana"); again.who() != who {
		t.Errorf("the same identity is another person: %s, %s", again.who(), who)
	}
	if status, to, _ := v.ask("/sign-out", url.Values{}); status != http.StatusSeeOther || to != d.base+"/sign-in" || v.who() != "" {
		t.Errorf("signed out: %d %s, still %q", status, to, v.who())
	}
}

// Open redirect: what a link to our sign-in says of afterwards leads to nobody else.
func TestSignInsLeadToNobodyElse(t *testing.T) {
	d := newDoorway(t)
	for _, bad := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "/%2f%2fevil.example"} {
		v := d.visitor()
		if status, to, _ := v.ask(v.pick(v.begin("/auth/one?return="+url.QueryEscape(bad)), "ana"), nil); status != http.StatusSeeOther || to != d.base+"/" {
			t.Errorf("%q leads to %d %s", bad, status, to)
		}
	}
}

// Login CSRF: somebody else's answer, brought to this browser, signs it in as nobody.
func TestAnotherBrowsersSignInIsRefused(t *testing.T) {
	d := newDoorway(t)
	eve := d.visitor()
	hers := eve.pick(eve.begin("/auth/one"), "eve")
	victim := d.visitor()
	victim.refused("a browser that began nothing", hers)
	eve2 := d.visitor()
	hers = eve2.pick(eve2.begin("/auth/one"), "eve")
	victim.begin("/auth/one")
	victim.refused("a browser that began another", hers)
}

// A state is ours alone to choose, and good once, for ten minutes.
func TestAStateIsNotFixedAndGoodOnce(t *testing.T) {
	d := newDoorway(t)
	d.whenever()
	v := d.visitor()
	if got := valueOf(v.begin("/auth/one?state=fixed&nonce=fixed&code_verifier=fixed"), "state"); got == "fixed" || len(got) < 43 {
		t.Errorf("the state is %q", got)
	}
	back := v.pick(v.begin("/auth/one"), "ana")
	v.refused("an unknown state", with(back, "state", "fixed"))
	v.refused("no state", with(back, "state", ""))
	back = v.pick(v.begin("/auth/one"), "ana")
	d.clock.Advance(signInLimit + time.Second)
	v.refused("after ten minutes", back)
	d.clock.Advance(-signInLimit - time.Second)
	back = v.pick(v.begin("/auth/one"), "ana")
	secretCookie := d.visitor()
	secretCookie.http.Jar = v.http.Jar
	v.ask(back, nil)
	secretCookie.refused("the same answer again", back)
}

// The database itself gives a sign-in out once, also to two answers at once.
func TestASignInIsTakenUpOnce(t *testing.T) {
	d := newDoorway(t)
	b, err := d.beginSignIn(t.Context(), beginning{provider: "one", origin: d.base, purpose: PurposeSignIn})
	if err != nil {
		t.Fatal(err)
	}
	c := callback{provider: "one", state: valueOf(b.address, "state"), browser: b.browser}
	take := func() error { _, err := d.takeUp(t.Context(), c); return err }
	won := 0
	for _, err := range atOnce(take, take, take) {
		if err == nil {
			won++
		} else {
			wantCode(t, "again", err, fault.Unauthenticated)
		}
	}
	if won != 1 {
		t.Errorf("taken up %d times", won)
	}
}

// Mix-up: an answer of one provider is not taken for another's, by path and by iss.
func TestAnswersOfAnotherProviderAreRefused(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	back := v.pick(v.begin("/auth/one"), "ana")
	v.refused("one's answer at two's path", strings.Replace(back, "/auth/one/", "/auth/two/", 1))
	back = v.pick(v.begin("/auth/one"), "ana")
	v.refused("an answer that names another issuer", back+"&iss="+url.QueryEscape(d.two.Issuer()))
}

func TestAProviderThatNamesItselfMustDoSo(t *testing.T) {
	d := newDoorway(t)
	d.one.Announce()
	v := d.visitor()
	back := v.pick(v.begin("/auth/one"), "ana")
	if valueOf(back, "iss") != d.one.Issuer() {
		t.Fatalf("the provider does not name itself: %s", back)
	}
	v.refused("the name is cut off", with(back, "iss", ""))
	v.signIn("one", "ana")
}

// PKCE: each sign-in has a challenge of its own, and a code that was not made
// under it is worth nothing, also when the challenge was cut off on the way.
func TestCodesAreBoundToTheirSignIn(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	to := v.begin("/auth/one")
	if valueOf(to, "code_challenge_method") != "S256" || len(valueOf(to, "code_challenge")) != 43 {
		t.Errorf("no challenge in %s", to)
	}
	if again := v.begin("/auth/one"); valueOf(again, "code_challenge") == valueOf(to, "code_challenge") || valueOf(again, "nonce") == valueOf(to, "nonce") {
		t.Error("two sign-ins share a challenge or a nonce")
	}
	without := with(with(v.begin("/auth/one"), "code_challenge", ""), "code_challenge_method", "")
	v.refused("the challenge was cut off", v.pick(with(without, "nonce", "of-eve"), "ana"))

	eve := d.visitor()
	code := valueOf(eve.pick(eve.begin("/auth/one"), "eve"), "code")
	own := v.pick(v.begin("/auth/one"), "ana")
	v.refused("eve's code in ana's browser", with(own, "code", code))
	// The nonce would refuse it too: with both alike, the challenge alone stands.
	first := eve.begin("/auth/one")
	second := v.begin("/auth/one")
	stolen := valueOf(eve.pick(with(first, "nonce", valueOf(second, "nonce")), "eve"), "code")
	v.refused("eve's code under ana's nonce", with(v.pick(second, "ana"), "code", stolen))
}

// Nonce: an ID token of another sign-in is refused, and so is one with none.
func TestIDTokensOfAnotherSignInAreRefused(t *testing.T) {
	d := newDoorway(t)
	for name, lie := range map[string]any{"another nonce": "of-another", "no nonce": nil, "an empty nonce": ""} {
		v := d.visitor()
		d.one.Lie(map[string]any{"nonce": lie})
		v.refused(name, v.pick(v.begin("/auth/one"), "ana"))
		d.one.Lie(nil)
	}
}

// Each value of an answer counts once, and nothing else of it counts.
func TestCallbackParametersAreNotInjected(t *testing.T) {
	d := newDoorway(t)
	for _, extra := range []string{"&state=other", "&code=other", "&iss=", "&error=x&error=y", "&error=access_denied"} {
		v := d.visitor()
		back := v.pick(v.begin("/auth/one"), "ana")
		if extra == "&iss=" {
			extra += url.QueryEscape(d.one.Issuer()) + extra + url.QueryEscape(d.two.Issuer())
		}
		v.refused(extra, back+extra)
	}
	v := d.visitor()
	back := v.pick(v.begin("/auth/one?return=/orders"), "ana")
	_, to, _ := v.ask(back+"&return=//evil.example&redirect_uri=https://evil.example&token_url=https://evil.example&user=eve&sub=eve", nil)
	if to != d.base+"/orders" {
		t.Errorf("sent to %s", to)
	}
}

// What is signed wrongly is refused, and so is what is signed well and says wrong things.
func TestForgedIDTokensAreRefused(t *testing.T) {
	d := newDoorway(t)
	for _, a := range []oidctest.Attack{oidctest.OtherKey, oidctest.UnknownKey, oidctest.AlgNone, oidctest.HS256, oidctest.HSSecret} {
		d.one.Attack(a)
		v := d.visitor()
		v.refused(string(a), v.pick(v.begin("/auth/one"), "ana"))
	}
	d.one.Attack(oidctest.Honest)
	past := clock.System{}.Now().Add(-time.Minute).Unix()
	for name, lie := range map[string]map[string]any{
		"another audience":         {"aud": "usher-2"},
		"no audience":              {"aud": nil},
		"another authorized party": {"aud": []string{"usher-1", "evil"}, "azp": "evil"},
		"another issuer":           {"iss": d.two.Issuer()},
		"expired":                  {"exp": past},
		"without an end":           {"exp": nil},
		"nobody":                   {"sub": ""},
		"nobody in particular":     {"sub": strings.Repeat("x", 256)},
	} {
		d.one.Lie(lie)
		v := d.visitor()
		v.refused(name, v.pick(v.begin("/auth/one"), "ana"))
	}
	d.one.Lie(nil)
	d.visitor().signIn("one", "ana")
}

// A flood of tokens with unknown keys does not become a flood at the issuer.
func TestUnknownKeysDoNotHammerTheIssuer(t *testing.T) {
	d := newDoorway(t)
	d.visitor().signIn("one", "ana")
	before := d.one.KeyFetches()
	d.one.Attack(oidctest.UnknownKey)
	for range 30 {
		v := d.visitor()
		v.refused("unknown key", v.pick(v.begin("/auth/one"), "ana"))
	}
	if asked := d.one.KeyFetches() - before; asked > 1 {
		t.Errorf("the issuer was asked for its keys %d times", asked)
	}
	d.one.Attack(oidctest.Honest)
	d.visitor().signIn("one", "ana")
	d.clock.Advance(keysInterval)
	d.one.Attack(oidctest.UnknownKey)
	v := d.visitor()
	v.refused("later", v.pick(v.begin("/auth/one"), "ana"))
	if d.one.KeyFetches() == before {
		t.Error("new keys of the issuer would never be found")
	}
}

// E-mail collision and pre-hijack: neither an address nor another issuer's subject
// joins anybody, whoever came first.
func TestEMailAddressesJoinNobody(t *testing.T) {
	for _, order := range [][2]string{{"one ana", "two mallory"}, {"two mallory", "one ana"}, {"one ana", "two ana"}} {
		d := newDoorway(t)
		seen := map[string]bool{}
		for _, who := range order {
			provider, user, _ := strings.Cut(who, " ")
			v := d.visitor()
			v.signIn(provider, user)
			seen[v.who()] = true
		}
		if len(seen) != 2 {
			t.Errorf("%v became one person", order)
		}
	}
}

// Session fixation: what the browser held before signing in is worth nothing after.
func TestASignInBeginsANewSession(t *testing.T) {
	d := newDoorway(t)
	v := d.visitor()
	base, _ := url.Parse(d.base)
	v.http.Jar.SetCookies(base, []*http.Cookie{{Name: cookieSession, Value: "planted-by-eve", Path: "/"}})
	v.signIn("one", "ana")
	first := v.secret()
	if first == "planted-by-eve" || len(first) < 43 {
		t.Fatalf("the session's secret is %q", first)
	}
	v.signIn("one", "ana")
	if v.secret() == first {
		t.Error("signing in again kept the secret")
	}
	for _, old := range []string{first, "planted-by-eve"} {
		other := d.visitor()
		if status, _, _ := other.ask("/who", nil, "Cookie", cookieSession+"="+old); status != http.StatusUnauthorized {
			t.Errorf("%q still opens a session: %d", old, status)
		}
	}
}
