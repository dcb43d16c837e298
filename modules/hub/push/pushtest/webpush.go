package pushtest

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
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
	token, key := vapidParams(params)
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

// vapidParams finds t and k, which may come in either order.
func vapidParams(params string) (token, key string) {
	for part := range strings.SplitSeq(params, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	return token, key
}
