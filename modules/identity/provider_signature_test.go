package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// The list of algorithms stands by itself: even an issuer that publishes a shared
// secret among its keys cannot have ID tokens signed with it.
func TestSharedSecretsSignNothing(t *testing.T) {
	const issuer, nonce, client = "https://issuer.example", "the-nonce", "usher-1"
	shared := []byte("a shared secret of thirty-two B.")
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: shared, KeyID: "shared", Use: "sig"}, {Key: &own.PublicKey, KeyID: "own", Algorithm: "RS256", Use: "sig"}}})
	}))
	t.Cleanup(keys.Close)
	o := newOpenID(Provider{Name: "x", Kind: kindOIDC, Issuer: issuer, ClientID: client}, catalogue[kindOIDC], clock.System{}, newProviderClient())
	d := &discovered{issuer: issuer, keys: oidc.NewRemoteKeySet(t.Context(), keys.URL)}
	body, _ := json.Marshal(map[string]any{"iss": issuer, "sub": "ana", "aud": client, "nonce": nonce, "exp": clock.System{}.Now().Add(time.Minute).Unix()})
	verify := func(alg jose.SignatureAlgorithm, key any, name string) error {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", name))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(body)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := signed.CompactSerialize() // has one signature, so it can be written so
		_, err = o.verify(t.Context(), d, raw, nonce, client)
		return err
	}
	if err := verify(jose.RS256, own, "own"); err != nil {
		t.Fatalf("an honest token: %v", err)
	}
	wantCode(t, "signed with the published secret", verify(jose.HS256, shared, "shared"), fault.Unauthenticated)
}
