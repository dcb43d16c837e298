package sales

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/id"
)

func TestAnIDSignerSignsAsSignedID(t *testing.T) {
	key := []byte("a key of some length")
	s := newIDSigner(key)
	for range 10 {
		v := id.New()
		if got := s.sign(v); got != signedID(key, v) {
			t.Fatalf("signs %s, not %s", got, signedID(key, v))
		}
		if got, ok := s.open(signedID(key, v)); !ok || got != v {
			t.Fatalf("opens %s, %v", got, ok)
		}
	}
}
