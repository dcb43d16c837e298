package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	// tokenLife is how long a VAPID token is good for; RFC 8292 allows a day.
	tokenLife = 12 * time.Hour
	// renewBefore its end a token is replaced.
	renewBefore = time.Hour
	// maxOrigins bounds the cache, because endpoints are chosen by strangers.
	maxOrigins = 1000
)

// vapid identifies the application server to push services (RFC 8292).
type vapid struct {
	key     *ecdsa.PrivateKey
	public  string
	subject string
	clock   clock.Clock

	mu      sync.RWMutex
	headers map[string]signed // by origin
}

type signed struct {
	header string
	renew  time.Time
}

func newVAPID(private, subject string, c clock.Clock) (*vapid, error) {
	const op = "webpush.New"
	key, err := parseVAPIDKey(op, private)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(subject, "mailto:") && !strings.HasPrefix(subject, "https://") {
		return nil, fault.BadField(op, "subject", "is neither mailto: nor https://", "write mailto: and an address that you read, such as mailto:tickets@example.com")
	}
	public, err := publicKey(key)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "the VAPID key could not be encoded", err)
	}
	return &vapid{key: key, public: public, subject: subject, clock: c, headers: map[string]signed{}}, nil
}

// header is the Authorization value for an origin, signed once for hours.
func (v *vapid) header(origin string) (string, error) {
	now := v.clock.Now()
	v.mu.RLock()
	s, ok := v.headers[origin]
	v.mu.RUnlock()
	if ok && now.Before(s.renew) {
		return s.header, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.headers[origin]; ok && now.Before(s.renew) {
		return s.header, nil
	}
	token, err := v.sign(origin, now.Add(tokenLife))
	if err != nil {
		return "", err
	}
	if len(v.headers) >= maxOrigins {
		clear(v.headers)
	}
	header := "vapid t=" + token + ", k=" + v.public
	v.headers[origin] = signed{header, now.Add(tokenLife - renewBefore)}
	return header, nil
}

// jwtHeader is {"typ":"JWT","alg":"ES256"}.
var jwtHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`))

// sign makes an ES256 JWT (RFC 7515, RFC 7518 3.4).
func (v *vapid) sign(origin string, expires time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Aud string `json:"aud"`
		Exp int64  `json:"exp"`
		Sub string `json:"sub"`
	}{origin, expires.Unix(), v.subject})
	if err != nil {
		return "", err
	}
	input := jwtHeader + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, v.key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// GenerateVAPIDKey makes an application server key pair, both in base64url:
// private the raw 32 bytes, public the uncompressed point that a page passes
// to pushManager.subscribe as applicationServerKey.
func GenerateVAPIDKey() (private, public string, err error) {
	const op = "webpush.GenerateVAPIDKey"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fault.E(op, fault.Internal, "no key could be made", err)
	}
	raw, err := key.Bytes()
	if err != nil {
		return "", "", fault.E(op, fault.Internal, "the key could not be encoded", err)
	}
	public, err = publicKey(key)
	if err != nil {
		return "", "", fault.E(op, fault.Internal, "the key could not be encoded", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), public, nil
}

// PublicKey is the public half of a key from GenerateVAPIDKey.
//
// Errors: fault.Invalid if private is none.
func PublicKey(private string) (string, error) {
	key, err := parseVAPIDKey("webpush.PublicKey", private)
	if err != nil {
		return "", err
	}
	return publicKey(key)
}

func publicKey(key *ecdsa.PrivateKey) (string, error) {
	raw, err := key.PublicKey.Bytes()
	return base64.RawURLEncoding.EncodeToString(raw), err
}

func parseVAPIDKey(op, private string) (*ecdsa.PrivateKey, error) {
	raw, err := decodeBase64(private)
	if err == nil {
		var key *ecdsa.PrivateKey
		if key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return key, nil
		}
	}
	return nil, fault.BadField(op, "vapid_private_key", "is not a P-256 private key in base64url", "let Usher make one, or give the 32 raw bytes of yours in base64url")
}

// topic makes a repeat, or a message with the same collapse key, replace the
// first at the service (RFC 8030, 5.4): at most 32 characters of base64url.
func topic(m *push.Message) string {
	key := m.Collapse
	if key == "" {
		if id, err := uuid.Parse(m.ID); err == nil {
			return base64.RawURLEncoding.EncodeToString(id[:])
		}
		key = m.ID
	}
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
