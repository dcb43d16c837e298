package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/identity/oidctest"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// fakeGitHub is a stand-in for GitHub's token endpoint and API.
type fakeGitHub struct {
	t         *testing.T
	challenge string // of the sign-in
	user      string // JSON of /user
	form      url.Values
}

// RoundTrip answers for every host that goth asks.
func (g *fakeGitHub) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	switch at := req.URL.Host + req.URL.Path; at {
	case "github.com/login/oauth/access_token":
		if err := req.ParseForm(); err != nil {
			return nil, err
		}
		g.form = req.PostForm
		if oauth2.S256ChallengeFromVerifier(req.PostForm.Get("code_verifier")) != g.challenge {
			rec.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(rec, `{"error":"bad_verification_code"}`)
			break
		}
		fmt.Fprint(rec, `{"access_token":"canary-token","token_type":"bearer"}`)
	case "api.github.com/user":
		fmt.Fprint(rec, g.user)
	case "api.github.com/user/emails":
		fmt.Fprint(rec, `[{"email":"ana@example.org","primary":true,"verified":true}]`)
	default:
		g.t.Errorf("asked %s", at)
	}
	res := rec.Result()
	res.Request = req
	return res, nil
}

// A provider of goth's: state and PKCE go with it, the code alone comes back, and
// the account's number is who it is.
func TestAProviderWithoutIDTokensIsAsked(t *testing.T) {
	g := &fakeGitHub{t: t, user: `{"id":4711,"login":"ana","name":"Ana","email":"ana@example.org"}`}
	cfg := Provider{Name: "gh", Kind: "github", ClientID: "id", ClientSecret: "secret"}
	_, p, err := newProviders([]Provider{cfg}, clock.System{}, &http.Client{Transport: g}).named("gh")
	if err != nil {
		t.Fatal(err)
	}
	r := signInRequest{redirect: "https://tickets.example.org/auth/gh/callback", state: "the-state", verifier: oauth2.GenerateVerifier()}
	to, err := p.address(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if valueOf(to, "state") != "the-state" || valueOf(to, "code_challenge_method") != "S256" || valueOf(to, "redirect_uri") != r.redirect || !strings.HasPrefix(to, "https://github.com/") {
		t.Errorf("sent to %s", to)
	}
	g.challenge = valueOf(to, "code_challenge")
	v, err := p.vouch(t.Context(), r, answer{code: "the-code"})
	if err != nil || v != (Vouched{Provider: "gh", Issuer: "https://github.com", Subject: "4711", Name: "Ana", Email: "ana@example.org"}) {
		t.Errorf("vouched %+v, %v", v, err)
	}
	if g.form.Get("code") != "the-code" || g.form.Get("redirect_uri") != r.redirect {
		t.Errorf("exchanged %v", g.form)
	}
	other := r
	other.verifier = oauth2.GenerateVerifier()
	_, err = p.vouch(t.Context(), other, answer{code: "the-code"})
	wantCode(t, "a code of another sign-in", err, fault.Unauthenticated)
	_, err = p.vouch(t.Context(), r, answer{code: "the-code", issuer: "https://evil.example"})
	wantCode(t, "an answer of another issuer", err, fault.Unauthenticated)
	for _, nobody := range []string{`{}`, `{"id":0}`} {
		g.user = nobody
		_, err = p.vouch(t.Context(), r, answer{code: "the-code"})
		wantCode(t, nobody, err, fault.Unauthenticated)
	}
}

// Every kind of the catalogue leads to an address that carries what protects it.
func TestEveryKindIsProtected(t *testing.T) {
	op := newProvider(t, "usher-1", strangers)
	key, pemKey := appleKey(t)
	for _, name := range kinds() {
		cfg := Provider{Name: "x", Kind: name, ClientID: "usher-1", ClientSecret: pemKey, TeamID: "T", KeyID: "K"}
		if catalogue[name].maker == nil {
			cfg.Issuer = op.Issuer()
		}
		if f := cfg.faults(""); len(f) != 0 {
			t.Errorf("%s: %v", name, f)
		}
		_, p, err := newProviders([]Provider{cfg}, clock.System{}, newProviderClient()).named("x")
		if err != nil {
			t.Fatal(err)
		}
		to, err := p.address(t.Context(), signInRequest{redirect: "https://usher.example/auth/x/callback", state: "s", nonce: "n", verifier: "v"})
		if err != nil || valueOf(to, "state") != "s" || valueOf(to, "code_challenge") == "" || valueOf(to, "response_type") != "code" {
			t.Errorf("%s: %s, %v", name, to, err)
		}
		if catalogue[name].maker == nil && valueOf(to, "nonce") != "n" {
			t.Errorf("%s has no nonce: %s", name, to)
		}
		if formPost := valueOf(to, "response_mode") == "form_post"; formPost != catalogue[name].formPost {
			t.Errorf("%s: response_mode is %q", name, valueOf(to, "response_mode"))
		}
	}
	checkAppleSecret(t, key, pemKey)
}

func appleKey(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func checkAppleSecret(t *testing.T, key *ecdsa.PrivateKey, pemKey string) {
	t.Helper()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	secret, err := appleSecret(Provider{ClientID: "org.example.usher", ClientSecret: pemKey, TeamID: "TEAM", KeyID: "KEY"}, now)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSigned(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	body, err := signed.Verify(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(body, &c); err != nil || c["iss"] != "TEAM" || c["sub"] != "org.example.usher" || c["aud"] != "https://appleid.apple.com" || c["exp"] != float64(now.Unix()+300) {
		t.Errorf("the secret says %v, %v", c, err)
	}
}

// Each tenant of Microsoft's is an issuer of its own, and none other is.
func TestTenantsAreTheirOwnIssuers(t *testing.T) {
	const tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
	for issuer, good := range map[string]bool{
		"https://login.microsoftonline.com/" + tenant + "/v2.0":                       true,
		"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0": false,
		"https://evil.example/" + tenant + "/v2.0":                                    false,
		tenantPattern: false, "": false,
	} {
		if ofTenant(claims{Issuer: issuer, Tenant: tenant}) != good {
			t.Errorf("%q: not %v", issuer, good)
		}
	}
	if ofTenant(claims{Issuer: tenantPattern, Tenant: "{tenantid}"}) {
		t.Error("the pattern itself is no tenant")
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	_, pemKey := appleKey(t)
	good := Provider{Name: "x", Kind: "oidc", Issuer: "https://login.example.org", ClientID: "id"}
	for name, tc := range map[string]struct {
		change func(*Provider)
		field  string
	}{
		"fine":                   {func(*Provider) {}, ""},
		"plain http":             {func(p *Provider) { p.Issuer = "http://login.example.org" }, "issuer"},
		"http on this machine":   {func(p *Provider) { p.Issuer = "http://127.0.0.1:9000" }, ""},
		"a password in it":       {func(p *Provider) { p.Issuer = "https://u:p@login.example.org" }, "issuer"},
		"no issuer":              {func(p *Provider) { p.Issuer = "" }, "issuer"},
		"no client":              {func(p *Provider) { p.ClientID = "" }, "client_id"},
		"a slash in the name":    {func(p *Provider) { p.Name = "a/b" }, "name"},
		"an unknown kind":        {func(p *Provider) { p.Kind = "gogle" }, "kind"},
		"Apple without its key":  {func(p *Provider) { *p = Provider{Name: "a", Kind: "apple", ClientID: "id", TeamID: "t", KeyID: "k"} }, "client_secret"},
		"Apple without its team": {func(p *Provider) { *p = Provider{Name: "a", Kind: "apple", ClientID: "id", ClientSecret: pemKey} }, "team_id"},
	} {
		p := good
		tc.change(&p)
		got := p.faults("")
		if tc.field == "" && len(got) != 0 || tc.field != "" && (len(got) != 1 || got[0].Name != tc.field || got[0].Fix == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	twice := Config{Session: time.Hour, Providers: []Provider{good, good}}
	wantCode(t, "a name twice", twice.Validate(), fault.Invalid)
}

// Doctor says what to register, and what stands in the way.
func TestCheckProviderTellsWhatIsWrong(t *testing.T) {
	op, err := oidctest.Start(oidctest.Config{ClientID: "usher-1", ClientSecret: secretOf("usher-1")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Provider{Name: "x", Kind: "oidc", Issuer: op.Issuer(), ClientID: "usher-1"}
	said, err := CheckProvider(t.Context(), cfg, "https://usher.example", clock.System{})
	if err != nil || !strings.Contains(said, "https://usher.example/auth/x/callback") {
		t.Errorf("%q, %v", said, err)
	}
	_, err = CheckProvider(t.Context(), cfg, "https://usher.example", clock.At(clock.System{}.Now().Add(time.Hour)))
	if f, _ := err.(*fault.Error); !fault.Is(err, fault.Conflict) || !strings.Contains(f.Message, "1h0m") || f.Fix == "" { //nolint:errorlint // ours, bare
		t.Errorf("an hour off: %v", err)
	}
	op.Close()
	_, err = CheckProvider(t.Context(), cfg, "https://usher.example", clock.System{})
	if f, _ := err.(*fault.Error); !fault.Is(err, fault.Transient) || !strings.Contains(f.Fix, "/.well-known/openid-configuration") { //nolint:errorlint // ours, bare
		t.Errorf("away: %v", err)
	}
}
