package proximity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/usherhq/usher/modules/kernel/id"
)

// refSize is the length of a pseudonym: half of SHA-256, so that two installations of an
// event share one with a probability below 10^-24.
const refSize = 16

// A ref is the pseudonym of an installation at one event: HMAC(key of the event,
// installation). Without the key, which is destroyed after the event, nobody can tell
// whose it was, and nothing ties two events together.
type ref [refSize]byte

// refKey makes the pseudonyms of one event.
type refKey []byte

func (k refKey) of(installation string) ref {
	m := hmac.New(sha256.New, k)
	m.Write([]byte(installation))
	return ref(m.Sum(nil)[:refSize])
}

func refContext(event id.ID) []byte { return append([]byte("proximity/ref/"), event[:]...) }

// newRefKey makes the key of an event, sealed.
func (s *Service) newRefKey(event id.ID) ([]byte, error) {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return s.seal.Seal(key, refContext(event))
}

// refKeyOf opens it.
func (s *Service) refKeyOf(e Event) (refKey, error) {
	return s.seal.Open(e.sealed, refContext(e.ID))
}

// String is the pseudonym in hexadecimal, as facts carry it.
func (r ref) String() string { return hex.EncodeToString(r[:]) }

// pseudonym is an installation at one event.
type pseudonym struct {
	event id.ID
	ref   ref
}
