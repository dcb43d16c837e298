package identity

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/identity/oidctest"
)

// post calls the API of apps and returns the status; answer takes a success.
func (d *doorway) post(path string, body map[string]string, answer any) int {
	d.t.Helper()
	text, _ := json.Marshal(body) // plain strings
	res, err := http.Post(d.base+path, "application/json", bytes.NewReader(text))
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer != nil && res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
			d.t.Fatal(err)
		}
	}
	return res.StatusCode
}

func (d *doorway) nonce() string {
	d.t.Helper()
	var n Nonce
	if status := d.post("/v1/auth/nonce", nil, &n); status != http.StatusOK {
		// An empty body is fine for a nonce.
		d.t.Fatalf("no nonce: %d", status)
	}
	return n.Nonce
}

func (d *doorway) exchangeOf(idToken, nonce string) (t Tokens, status int) {
	d.t.Helper()
	status = d.post("/v1/auth/token", map[string]string{"provider": "one", "id_token": idToken, "nonce": nonce}, &t)
	return t, status
}

func (d *doorway) app(user string) Tokens {
	d.t.Helper()
	n := d.nonce()
	t, status := d.exchangeOf(d.one.Token(user, n), n)
	if status != http.StatusOK {
		d.t.Fatalf("no tokens: %d", status)
	}
	return t
}

// opens is the status of a request with an access token.
func (d *doorway) opens(access string) int {
	d.t.Helper()
	status, _, _ := d.visitor().ask("/who", nil, "Authorization", "Bearer "+access)
	return status
}

func TestAnAppExchangesAnIDToken(t *testing.T) {
	d := newDoorway(t)
	app := d.app("ana")
	if status, _, who := d.visitor().ask("/who", nil, "Authorization", "Bearer "+app.Access); status != http.StatusOK || who != "token:"+app.Person {
		t.Errorf("the access token opens %d %q", status, who)
	}
	v := d.visitor()
	if v.signIn("one", "ana"); v.who() != "person:"+app.Person {
		t.Errorf("the app's person is %s, the browser's %s", app.Person, v.who())
	}
	if got := d.opens(app.Refresh); got != http.StatusUnauthorized {
		t.Errorf("a refresh token opens routes: %d", got)
	}
	d.clock.Advance(accessLife)
	if got := d.opens(app.Access); got != http.StatusUnauthorized {
		t.Errorf("an access token works after its end: %d", got)
	}
}

// A nonce is ours, good once and for ten minutes, and the ID token has it in it.
func TestNoncesOfAppsAreGoodOnce(t *testing.T) {
	d := newDoorway(t)
	n := d.nonce()
	token := d.one.Token("ana", n)
	if _, status := d.exchangeOf(token, n); status != http.StatusOK {
		t.Fatalf("first: %d", status)
	}
	late := d.nonce()
	for name, x := range map[string][2]string{
		"replayed":                  {token, n},
		"a new token, an old nonce": {d.one.Token("ana", n), n},
		"a nonce of one's own":      {d.one.Token("ana", "mine"), "mine"},
		"none in the token":         {d.one.Token("ana", ""), d.nonce()},
		"another's nonce":           {d.one.Token("ana", d.nonce()), d.nonce()},
		"an altered nonce":          {d.one.Token("ana", "A"+d.nonce()[1:]), "A" + d.nonce()[1:]},
	} {
		if _, status := d.exchangeOf(x[0], x[1]); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	d.clock.Advance(nonceLife)
	if _, err := d.checkNonce(late, d.clock.Now()); err == nil {
		t.Error("a nonce works after its end")
	}
}

func TestForgedTokensOfAppsAreRefused(t *testing.T) {
	d := newDoorway(t)
	for _, a := range []oidctest.Attack{oidctest.OtherKey, oidctest.UnknownKey, oidctest.AlgNone, oidctest.HS256, oidctest.HSSecret} {
		d.one.Attack(a)
		n := d.nonce()
		if _, status := d.exchangeOf(d.one.Token("ana", n), n); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", a, status)
		}
	}
	d.one.Attack(oidctest.Honest)
	for _, audience := range []any{"usher-2", "app-2", nil, []string{}} {
		d.one.Lie(map[string]any{"aud": audience})
		n := d.nonce()
		if _, status := d.exchangeOf(d.one.Token("ana", n), n); status != http.StatusUnauthorized {
			t.Errorf("audience %v: %d", audience, status)
		}
	}
	d.one.Lie(map[string]any{"aud": "app-1"})
	n := d.nonce()
	if _, status := d.exchangeOf(d.one.Token("ana", n), n); status != http.StatusOK {
		t.Errorf("our own app's token: %d", status)
	}
	// A browser's sign-in takes what was issued to Usher itself, not to its app.
	v := d.visitor()
	v.refused("an app's token in a browser", v.pick(v.begin("/auth/one"), "ana"))
}

// A refresh token is good once. Whoever uses it again, thief or owner, ends them all.
func TestARefreshTokenUsedTwiceEndsItsFamily(t *testing.T) {
	d := newDoorway(t)
	first := d.app("ana")
	other := d.app("ana")
	var second, third Tokens
	if status := d.post("/v1/auth/refresh", map[string]string{"refresh_token": first.Refresh}, &second); status != http.StatusOK || second.Refresh == first.Refresh {
		t.Fatalf("refresh: %d", status)
	}
	if d.opens(first.Access) != http.StatusUnauthorized || d.opens(second.Access) != http.StatusOK {
		t.Error("after a refresh the new access token alone is good")
	}
	if status := d.post("/v1/auth/refresh", map[string]string{"refresh_token": first.Refresh}, nil); status != http.StatusUnauthorized {
		t.Errorf("used twice: %d", status)
	}
	if d.opens(second.Access) != http.StatusUnauthorized || d.post("/v1/auth/refresh", map[string]string{"refresh_token": second.Refresh}, &third) != http.StatusUnauthorized {
		t.Error("the family lives on after its token was used twice")
	}
	if d.opens(other.Access) != http.StatusOK {
		t.Error("another app's tokens ended too")
	}
	if got := strings.Join(d.actions(), " "); !strings.Contains(got, "tokens.revoked") {
		t.Errorf("the audit says %q", got)
	}
}

// Of many that refresh with one token at once, at most one gets through, and then
// the family ends.
func TestARefreshTokenUsedTwiceAtOnce(t *testing.T) {
	d := newDoorway(t)
	app := d.app("ana")
	got := make([]Tokens, 6)
	var uses []func() error
	for i := range got {
		uses = append(uses, func() (err error) { got[i], err = d.Refresh(t.Context(), app.Refresh); return err })
	}
	won := 0
	for i, err := range atOnce(uses...) {
		if err != nil {
			continue
		}
		won++
		if status := d.opens(got[i].Access); status != http.StatusUnauthorized {
			t.Errorf("the winner's token still opens: %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d got through", won)
	}
}

func TestRevokedTokensAreDead(t *testing.T) {
	d := newDoorway(t)
	for _, kind := range []func(Tokens) string{func(t Tokens) string { return t.Access }, func(t Tokens) string { return t.Refresh }} {
		app := d.app("ana")
		if status := d.post("/v1/auth/revoke", map[string]string{"token": kind(app)}, nil); status != http.StatusNoContent {
			t.Errorf("revoke: %d", status)
		}
		if d.opens(app.Access) != http.StatusUnauthorized || d.post("/v1/auth/refresh", map[string]string{"refresh_token": app.Refresh}, nil) != http.StatusUnauthorized {
			t.Error("a revoked token lives")
		}
	}
	if status := d.post("/v1/auth/revoke", map[string]string{"token": "nobody's"}, nil); status != http.StatusNoContent {
		t.Errorf("a token that is none: %d", status)
	}
	app := d.app("ana")
	if err := d.RevokeSessions(t.Context(), app.Person, ""); err != nil || d.opens(app.Access) != http.StatusUnauthorized {
		t.Errorf("everything of the person's was ended, %v", err)
	}
}

func TestTokensEndInTheirTime(t *testing.T) {
	d := newDoorway(t)
	app := d.app("ana")
	d.clock.Advance(refreshLife + time.Second)
	if status := d.post("/v1/auth/refresh", map[string]string{"refresh_token": app.Refresh}, nil); status != http.StatusUnauthorized {
		t.Errorf("a refresh token works after its end: %d", status)
	}
	d.clock.Advance(familyLife)
	if n, err := d.Purge(t.Context()); err != nil || n == 0 {
		t.Errorf("purged %d, %v", n, err)
	}
}
