package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	apnsKeyID  = "USHERKEY01"
	apnsTeamID = "USHERTEAM1"
	apnsTopic  = "app.usher.demo"
	// tokenLife is how long APNs takes a provider token after its iat.
	tokenLife = time.Hour
)

var pushTypes = map[string]bool{
	"alert": true, "background": true, "location": true, "voip": true, "complication": true, "controls": true,
	"fileprovider": true, "mdm": true, "liveactivity": true, "pushtotalk": true, "widgets": true,
}

// apns is Apple's protocol.
type apns struct {
	origin string
	key    *ecdsa.PrivateKey
	keyPEM []byte
	tokens known
	clock  clock.Clock
}

func newAPNs(cfg Config) (*apns, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pushtest: APNs key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pushtest: APNs key: %w", err)
	}
	return &apns{
		key: key, clock: cfg.Clock,
		keyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}

func (p *apns) reachedAt(origin string)            { p.origin = origin }
func (p *apns) aside(*h2.Request, *h2.Answer) bool { return false }
func (p *apns) quotaReason() string                { return "TooManyRequests" }
func (p *apns) downReason() string                 { return "ServiceUnavailable" }
func (p *apns) accept(in *incoming, a *h2.Answer)  { a.Status = 200; p.echo(in.id, a) }
func (p *apns) echo(apnsID string, a *h2.Answer) {
	a.Fields = append(a.Fields, h2.Field{Name: "apns-id", Value: apnsID})
}

func (p *apns) refuse(a *h2.Answer, status int, reason string) {
	a.Status = status
	a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "application/json; charset=utf-8"})
	body := `{"reason":"` + reason + `"`
	if status == 410 {
		body += `,"timestamp":` + strconv.FormatInt(p.clock.Now().Add(-time.Hour).UnixMilli(), 10)
	}
	a.Body = []byte(body + "}")
}

func (p *apns) check(r *h2.Request, a *h2.Answer, in *incoming) bool {
	in.handle = strings.TrimPrefix(r.Path, "/3/device/")
	in.id = r.Get("apns-id")
	if in.id == "" {
		in.id = id.New().String()
	}
	in.payload = r.Body
	status, reason := p.fault(r, in)
	if status == 0 {
		status, reason = p.faultInToken(r, in)
	}
	if status != 0 {
		p.refuse(a, status, reason)
		p.echo(in.id, a)
		return false
	}
	if strings.HasPrefix(in.handle, "dead") {
		in.special = in.handle[:8]
	}
	return true
}

// fault finds what is wrong with a request's form.
func (p *apns) fault(r *h2.Request, in *incoming) (status int, reason string) {
	limit := push.APNs.MaxPayload()
	kind, priority := r.Get("apns-push-type"), r.Get("apns-priority")
	if kind == "voip" {
		limit = 5120
	}
	switch {
	case r.Method != "POST":
		return 405, "MethodNotAllowed"
	case len(in.handle) == len(r.Path):
		return 404, "BadPath"
	case len(in.handle) < 64 || !isHex(in.handle):
		return 400, "BadDeviceToken"
	case len(in.id) != 36:
		return 400, "BadMessageId"
	case !pushTypes[kind]:
		return 400, "InvalidPushType"
	case priority != "" && priority != "10" && priority != "5" && priority != "1", kind == "background" && priority == "10":
		return 400, "BadPriority"
	case len(r.Get("apns-collapse-id")) > 64:
		return 400, "BadCollapseId"
	case r.Get("apns-topic") == "":
		return 400, "MissingTopic"
	case !strings.HasPrefix(r.Get("apns-topic"), apnsTopic):
		return 400, "TopicDisallowed"
	case r.Size > limit:
		return 413, "PayloadTooLarge"
	case !gjson.ValidBytes(r.Body): // Apple has no other word for a body it cannot read
		return 400, "PayloadEmpty"
	}
	if e := r.Get("apns-expiration"); e != "" {
		if _, err := strconv.ParseInt(e, 10, 64); err != nil {
			return 400, "BadExpirationDate"
		}
	}
	return 0, ""
}

// faultInToken verifies the provider token.
func (p *apns) faultInToken(r *h2.Request, in *incoming) (status int, reason string) {
	token, ok := strings.CutPrefix(r.Get("authorization"), "bearer ")
	if !ok {
		return 403, "MissingProviderToken"
	}
	in.bearer = token
	now := p.clock.Now()
	if p.tokens.good(token, now) {
		return 0, ""
	}
	c, kid, err := parseJWT(token, &p.key.PublicKey)
	issued := time.Unix(c.Iat, 0)
	switch {
	case err != nil, kid != apnsKeyID, c.Iss != apnsTeamID, issued.After(now.Add(time.Minute)):
		return 403, "InvalidProviderToken"
	case now.Sub(issued) > tokenLife:
		return 403, "ExpiredProviderToken"
	}
	p.tokens.add(token, issued.Add(tokenLife))
	return 0, ""
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
