package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	recordSize = 4096 // RFC 8291, 4: a service need not take more
	saltSize   = 16
	authSize   = 16
	pointSize  = 65                           // an uncompressed P-256 point
	headerSize = saltSize + 4 + 1 + pointSize // RFC 8188, 2.1
	tagSize    = 16
	lastRecord = 2 // the delimiter of the last record
)

// subscription is a browser's address and keys.
type subscription struct {
	endpoint *url.URL
	key      *ecdh.PublicKey
	auth     []byte
}

func parseSubscription(op, endpoint, p256dh, auth string) (*subscription, error) {
	u, err := parseEndpoint(op, endpoint)
	if err != nil {
		return nil, err
	}
	raw, err := decodeBase64(p256dh)
	if err != nil {
		return nil, fault.BadField(op, "p256dh", "is not base64url", "send keys.p256dh of subscription.toJSON()")
	}
	key, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return nil, fault.BadField(op, "p256dh", "is not a P-256 public key", "send keys.p256dh of subscription.toJSON()")
	}
	secret, err := decodeBase64(auth)
	if err != nil || len(secret) != authSize {
		return nil, fault.BadField(op, "auth", "is not 16 bytes in base64url", "send keys.auth of subscription.toJSON()")
	}
	return &subscription{u, key, secret}, nil
}

// decodeBase64 reads both alphabets, padded or not, because client libraries differ.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "+/") {
		return base64.RawStdEncoding.DecodeString(s)
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// encrypt makes the message body for one subscription, with a key of its own.
func encrypt(sub *subscription, plaintext []byte) ([]byte, error) {
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	return seal(sub, plaintext, ephemeral, salt)
}

// seal is RFC 8291, 3.4, in one aes128gcm record (RFC 8188, 2) without padding.
func seal(sub *subscription, plaintext []byte, ephemeral *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	shared, err := ephemeral.ECDH(sub.key)
	if err != nil {
		return nil, err
	}
	sender := ephemeral.PublicKey().Bytes()
	info := "WebPush: info\x00" + string(sub.key.Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, sub.auth, info, 32)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, headerSize+len(plaintext)+1+tagSize)
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, pointSize)
	body = append(body, sender...)
	body = append(body, plaintext...)
	body = append(body, lastRecord)
	return gcm.Seal(body[:headerSize], nonce, body[headerSize:], nil), nil
}
