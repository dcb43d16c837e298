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

func idMAC(key []byte, v id.ID) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(v[:])
	return m.Sum(nil)[:16]
}
