package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
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
	keySize    = 16
	nonceSize  = 12
	tagSize    = 16
	lastRecord = 2 // the delimiter of the last record
)

// subscription is a browser's address and keys.
type subscription struct {
	endpoint *url.URL
	key      *ecdh.PublicKey
	point    []byte // the same key, uncompressed
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
	return &subscription{u, key, raw, secret}, nil
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
	ikm := expand(mac(sub.auth, shared), "WebPush: info\x00", sub.point, sender)
	prk := mac(salt, ikm[:])
	key := expand(prk, "Content-Encoding: aes128gcm\x00")
	nonce := expand(prk, "Content-Encoding: nonce\x00")
	block, err := aes.NewCipher(key[:keySize])
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
	return gcm.Seal(body[:headerSize], nonce[:nonceSize], body[headerSize:], nil), nil
}

// expand is HKDF-Expand (RFC 5869, 2.3) with SHA-256, whose first block is all that is
// needed. crypto/hkdf would take more than twice the time, for what it allocates.
func expand(prk [sha256.Size]byte, label string, rest ...[]byte) [sha256.Size]byte {
	var buf [len("WebPush: info\x00") + 2*pointSize + 1]byte
	info := append(buf[:0], label...)
	for _, r := range rest {
		info = append(info, r...)
	}
	return mac(prk[:], append(info, 1))
}

// mac is HMAC-SHA-256 (RFC 2104); HKDF-Extract is nothing else. The key is at most a block.
func mac(key, message []byte) [sha256.Size]byte {
	const inner, outer = 0x36, 0x5c
	var buf [2*sha256.BlockSize + 2*pointSize]byte
	sum := sha256.Sum256(append(padded(buf[:0], key, inner), message...))
	return sha256.Sum256(append(padded(buf[:0], key, outer), sum[:]...))
}

// padded appends a key, filled up to a block, each byte changed by pad.
func padded(dst, key []byte, pad byte) []byte {
	for i := range sha256.BlockSize {
		b := pad
		if i < len(key) {
			b ^= key[i]
		}
		dst = append(dst, b)
	}
	return dst
}
