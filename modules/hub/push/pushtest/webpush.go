package pushtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
	"github.com/usherhq/usher/modules/kernel/clock"
)

// maxRecord is the largest body a push service must take (RFC 8030, 7.2).
const maxRecord = 4096

var urgencies = map[string]bool{"": true, "very-low": true, "low": true, "normal": true, "high": true}

// webPush is a push service after RFC 8030, 8291 and 8292.
type webPush struct {
	origin      string
	vapid       string // private key for senders that have none
	onlyKey     string
	every       int64
	seen        atomic.Int64
	subscribers []subscriber
	tokens      known
	clock       clock.Clock
}

func newWebPush(cfg Config) (*webPush, error) {
	subs, err := subscribers()
	if err != nil {
		return nil, err
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pushtest: VAPID key: %w", err)
	}
	return &webPush{
		vapid: base64.RawURLEncoding.EncodeToString(key.Bytes()), onlyKey: cfg.VAPIDPublicKey,
		every: int64(max(1, cfg.DecryptEvery)), subscribers: subs, clock: cfg.Clock,
	}, nil
}

// VAPIDPrivateKey is an application server key a sender may use: base64url of
// the raw 32 bytes.
func (s *Services) VAPIDPrivateKey() string { return s.webpush.vapid }

func (p *webPush) reachedAt(origin string)            { p.origin = origin }
func (p *webPush) aside(*h2.Request, *h2.Answer) bool { return false }
func (p *webPush) quotaReason() string                { return "Too many requests" }
func (p *webPush) downReason() string                 { return "Service unavailable" }

func (p *webPush) accept(in *incoming, a *h2.Answer) {
	a.Status = 201
	if in.special == "/accepted/" {
		a.Status = 202
	}
	a.Fields = append(a.Fields, h2.Field{Name: "location", Value: p.origin + "/message/" + in.id})
}

func (p *webPush) refuse(a *h2.Answer, status int, reason string) {
	a.Status = status
	if status == 307 {
		a.Fields = append(a.Fields, h2.Field{Name: "location", Value: p.origin + "/push/elsewhere"})
	}
	a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "text/plain"})
	a.Body = []byte(reason)
}

func (p *webPush) check(r *h2.Request, a *h2.Answer, in *incoming) bool {
	in.handle = p.origin + r.Path
	in.id = messageID(r.Get("topic"))
	status, reason := p.fault(r)
	if status == 0 {
		status, reason = p.faultInVAPID(r.Get("authorization"))
	}
	if status == 0 && p.seen.Add(1)%p.every == 0 {
		plain, err := decrypt(p.subscriberOf(r.Path), r.Body)
		if err != nil {
			status, reason = 400, err.Error()
		}
		in.payload = plain
	}
	if status != 0 {
		p.refuse(a, status, reason)
		return false
	}
	if end := strings.IndexByte(r.Path[1:], '/'); end > 0 {
		in.special = r.Path[:end+2]
	}
	return true
}

// messageID turns a Topic that holds a UUID back into one.
func messageID(topic string) string {
	raw, err := base64.RawURLEncoding.DecodeString(topic)
	if err == nil && len(raw) == 16 {
		return uuid.UUID(raw).String()
	}
	return topic
}

// fault finds what is wrong with a request's form.
func (p *webPush) fault(r *h2.Request) (status int, reason string) {
	_, err := strconv.ParseUint(r.Get("ttl"), 10, 31)
	topic := r.Get("topic")
	_, topicErr := base64.RawURLEncoding.DecodeString(topic)
	switch {
	case r.Method != "POST":
		return 405, "POST only"
	case err != nil:
		return 400, "TTL missing or not a number"
	case r.Get("content-encoding") != "aes128gcm":
		return 415, "Content-Encoding must be aes128gcm"
	case len(topic) > 32 || topicErr != nil:
		return 400, "Topic must be at most 32 base64url characters"
	case !urgencies[r.Get("urgency")]:
		return 400, "Urgency unknown"
	case r.Size > maxRecord:
		return 413, "Body above 4096 bytes"
	}
	return 0, ""
}

// faultInVAPID verifies "vapid t=<jwt>, k=<public key>" (RFC 8292).
func (p *webPush) faultInVAPID(header string) (status int, reason string) {
	now := p.clock.Now()
	if p.tokens.good(header, now) {
		return 0, ""
	}
	params, ok := strings.CutPrefix(header, "vapid ")
	if !ok {
		return 401, "Authorization: vapid missing"
	}
	var token, key string
	for part := range strings.SplitSeq(params, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return 401, "k is not base64url"
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return 401, "k is not a P-256 key"
	}
	c, _, err := parseJWT(token, pub)
	exp := time.Unix(c.Exp, 0)
	switch {
	case err != nil:
		return 401, "signature wrong"
	case p.onlyKey != "" && key != p.onlyKey:
		return 403, "k is not the subscription's key"
	case c.Aud != p.origin:
		return 403, "aud is not this origin"
	case exp.Before(now) || exp.After(now.Add(24*time.Hour)):
		return 403, "exp is past or more than 24 hours away"
	case !strings.HasPrefix(c.Sub, "mailto:") && !strings.HasPrefix(c.Sub, "https:"):
		return 403, "sub is neither mailto: nor https:"
	}
	p.tokens.add(header, exp)
	return 0, ""
}

var errRecord = errors.New("not an aes128gcm record for this subscription")

// decrypt opens a message as the browser does (RFC 8291, RFC 8188): one record.
func decrypt(sub *subscriber, body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errRecord
	}
	salt, size, senderRaw := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:21+int(body[20])]
	record := body[21+int(body[20]):]
	sender, err := ecdh.P256().NewPublicKey(senderRaw)
	if err != nil || size < 18 || len(record) > int(size) {
		return nil, errRecord
	}
	shared, err := sub.key.ECDH(sender)
	if err != nil {
		return nil, errRecord
	}
	info := "WebPush: info\x00" + string(sub.key.PublicKey().Bytes()) + string(senderRaw)
	ikm, err := hkdf.Key(sha256.New, shared, sub.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
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
	padded, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, errRecord
	}
	padded = bytes.TrimRight(padded, "\x00")
	if len(padded) == 0 || padded[len(padded)-1] != 2 { // the last record's delimiter
		return nil, errRecord
	}
	return padded[:len(padded)-1], nil
}
