package sales

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/usherhq/usher/modules/kernel/id"
)

// signedID is an id that only we can have written, for a link that is a secret.
func signedID(key []byte, v id.ID) string {
	return base64.RawURLEncoding.EncodeToString(append(v[:], idMAC(key, v)...))
}

// openID reads it; ok is false when it was made elsewhere.
func openID(key []byte, token string) (v id.ID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 32 || !hmac.Equal(b[16:], idMAC(key, id.ID(b[:16]))) {
		return id.Nil, false
	}
	return id.ID(b[:16]), true
}

// unsignedID reads only which id a token is about, for one whose key depends on it.
func unsignedID(token string) (v id.ID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 32 {
		return id.Nil, false
	}
	return id.ID(b[:16]), true
}

// idSigner makes signedIDs with one key, many a second.
type idSigner struct {
	key  []byte
	macs *macs
}

func newIDSigner(key []byte) *idSigner { return &idSigner{key, newMACs(key)} }

// sign is signedID.
func (s *idSigner) sign(v id.ID) string {
	var b [16 + sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(s.macs.append(append(b[:0], v[:]...), v[:])[:32])
}

// open is openID.
func (s *idSigner) open(token string) (v id.ID, ok bool) { return openID(s.key, token) }

func idMAC(key []byte, v id.ID) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(v[:])
	return m.Sum(nil)[:16]
}
