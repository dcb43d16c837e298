package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/sideshow/apns2/token"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// TestRenew: a burst of refusals makes one token, and Apple is not asked to
// take another within 20 minutes.
func TestRenew(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.At(noon)
	s := &signer{clock: c, token: &token.Token{AuthKey: key, KeyID: "K", TeamID: "T"}}
	old := s.bearer()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if !s.renew(old) {
				t.Error("no repeat although the token is new")
			}
		})
	}
	wg.Wait()
	fresh := s.bearer()
	if fresh == old {
		t.Fatal("the refused token is still in use")
	}
	if s.renew(fresh) || s.bearer() != fresh {
		t.Error("a second token within 20 minutes")
	}
	c.Advance(minRenewal)
	if !s.renew(fresh) || s.bearer() == fresh {
		t.Error("no new token after 20 minutes")
	}
}

func TestNewNamesEveryField(t *testing.T) {
	_, err := New(Config{KeyPEM: []byte("x"), Endpoint: "http://api.push.apple.com"})
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid {
		t.Fatalf("%v, want an invalid configuration", err)
	}
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Name)
		if f.Fix == "" {
			t.Errorf("%s: no fix", f.Name)
		}
	}
	if want := []string{"key", "key_id", "team_id", "topic", "endpoint"}; !slices.Equal(names, want) {
		t.Errorf("fields %v, want %v", names, want)
	}
}
