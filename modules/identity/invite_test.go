package identity

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// What a stranger shows as an invite or as a nonce opens nothing unless the house's
// key sealed it, for that very use.
func FuzzSealedByStrangers(f *testing.F) {
	key, err := seal.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		f.Fatal(err)
	}
	s, now := &Service{seal: key}, clock.System{}.Now()
	invite, _, err := MakeInvite(key, RoleOwner, "test", now, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "!", "AAAA", invite, invite[1:], invite + "=", invite[:len(invite)-4]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, shown string) {
		if v, err := s.openInvite(shown); (err == nil) != (shown == invite) {
			t.Fatalf("%q opens %+v, %v", shown, v, err)
		}
		if end, err := s.checkNonce(shown, now); err == nil {
			t.Fatalf("%q is a nonce until %v", shown, end)
		}
	})
}
