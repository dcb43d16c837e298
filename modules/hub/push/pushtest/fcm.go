package pushtest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	fcmProject = "usher-demo"
	fcmEmail   = "push@usher-demo.iam.gserviceaccount.com"
	fcmKeyID   = "usher-demo-key"
	fcmScope   = "https://www.googleapis.com/auth/firebase.messaging"
	bearerLife = time.Hour
	fcmError   = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
	badRequest = "type.googleapis.com/google.rpc.BadRequest"
)

// fcm is Google's protocol, with the OAuth endpoint before it.
type fcm struct {
	origin  string
	key     *rsa.PrivateKey
	bearers known
	clock   clock.Clock
	sent    atomic.Int64
}

func newFCM(cfg Config) (*fcm, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("pushtest: service account key: %w", err)
	}
	return &fcm{key: key, clock: cfg.Clock}, nil
}

func (p *fcm) reachedAt(origin string) { p.origin = origin }
func (p *fcm) quotaReason() string     { return "QUOTA_EXCEEDED" }
func (p *fcm) downReason() string      { return "UNAVAILABLE" }
func (p *fcm) tokenURL() string        { return p.origin + "/token" }

func (p *fcm) accountJSON() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		panic(err) // a key just generated can be marshalled
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": fcmProject, "private_key_id": fcmKeyID,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": fcmEmail, "client_id": "1", "token_uri": p.tokenURL(),
	})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return b
}

// aside is the OAuth token endpoint (RFC 7523).
func (p *fcm) aside(r *h2.Request, a *h2.Answer) bool {
	if r.Path != "/token" {
		return false
	}
	a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "application/json; charset=utf-8"})
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		a.Status, a.Body = 400, []byte(`{"error":"unsupported_grant_type"}`)
		return true
	}
	now := p.clock.Now()
	c, kid, err := parseJWT(form.Get("assertion"), &p.key.PublicKey)
	if err != nil || kid != fcmKeyID || c.Iss != fcmEmail || c.Aud != p.tokenURL() ||
		time.Unix(c.Exp, 0).Before(now) || time.Unix(c.Iat, 0).After(now.Add(time.Minute)) {
		a.Status, a.Body = 400, []byte(`{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
		return true
	}
	if !strings.Contains(c.Scope, fcmScope) {
		a.Status, a.Body = 400, []byte(`{"error":"invalid_scope"}`)
		return true
	}
	bearer := "ya29." + id.Code(32)
	p.bearers.add(bearer, now.Add(bearerLife))
	a.Status = 200
	a.Body = []byte(`{"access_token":"` + bearer + `","expires_in":` + strconv.Itoa(int(bearerLife/time.Second)-1) + `,"token_type":"Bearer"}`)
	return true
}

func (p *fcm) accept(_ *incoming, a *h2.Answer) {
	a.Status = 200
	a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "application/json; charset=UTF-8"})
	a.Body = []byte(`{"name":"projects/` + fcmProject + `/messages/0:` + uniqueHex(int(p.sent.Add(1))) + `"}`)
}

// statusWord is Google's canonical name of a status.
func statusWord(status int) string {
	return map[int]string{
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
	}[status]
}

func (p *fcm) refuse(a *h2.Answer, status int, reason string) {
	detail := `{"@type":"` + fcmError + `","errorCode":"` + reason + `"}`
	if reason == "UNAUTHENTICATED" || reason == "PERMISSION_DENIED" {
		detail = `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com"}`
	}
	p.fail(a, status, detail)
}

// refuseField refuses a message and names the field at fault.
func (p *fcm) refuseField(a *h2.Answer, status int, reason string) {
	p.fail(a, status, `{"@type":"`+fcmError+`","errorCode":"`+reason+`"},`+
		`{"@type":"`+badRequest+`","fieldViolations":[{"field":"message.android.ttl","description":"Invalid value"}]}`)
}

func (p *fcm) fail(a *h2.Answer, status int, details string) {
	a.Status = status
	a.Fields = append(a.Fields, h2.Field{Name: "content-type", Value: "application/json; charset=UTF-8"})
	a.Body = []byte(`{"error":{"code":` + strconv.Itoa(status) + `,"message":"simulated","status":"` +
		statusWord(status) + `","details":[` + details + `]}}`)
}

// fcmRequest is as much of a send request as the simulation looks at.
type fcmRequest struct {
	validateOnly bool
	handle       string // token or fid
	tag          string // of the Android notification
	collapse     string
	size         int  // of data and notification
	malformed    bool // no JSON, or a member of another type
}

func readFCM(body []byte) (r fcmRequest) { //nolint:funlen // one place of the message after the other
	take := func(value []byte, into *string) {
		s, ok := text(value)
		*into, r.malformed = s, r.malformed || !ok
	}
	open := func(value []byte, each func(name string, value []byte)) {
		r.malformed = !members(value, each) || r.malformed
	}
	if !gjson.ValidBytes(body) {
		return fcmRequest{malformed: true}
	}
	android := func(name string, value []byte) {
		switch name {
		case "collapse_key":
			take(value, &r.collapse)
		case "notification":
			open(value, func(name string, value []byte) {
				if name == "tag" {
					take(value, &r.tag)
				}
			})
		}
	}
	message := func(name string, value []byte) {
		switch name {
		case "token", "fid":
			take(value, &r.handle)
		case "data", "notification":
			r.size += len(value)
		case "android":
			open(value, android)
		}
	}
	open(body, func(name string, value []byte) {
		switch name {
		case "validate_only":
			r.validateOnly = string(value) == "true"
		case "message":
			open(value, message)
		}
	})
	return r
}

func (p *fcm) check(r *h2.Request, a *h2.Answer, in *incoming) bool {
	bearer, _ := strings.CutPrefix(r.Get("authorization"), "Bearer ")
	in.bearer, in.payload = bearer, r.Body
	if !p.bearers.good(bearer, p.clock.Now()) {
		p.refuse(a, 401, "UNAUTHENTICATED")
		return false
	}
	if r.Method != "POST" || r.Path != "/v1/projects/"+fcmProject+"/messages:send" {
		p.refuse(a, 403, "PERMISSION_DENIED")
		return false
	}
	req := readFCM(r.Body)
	in.handle, in.id, in.dryRun = req.handle, cmp.Or(req.tag, req.collapse), req.validateOnly
	switch {
	case req.malformed, in.handle == "":
		p.refuseField(a, 400, "INVALID_ARGUMENT")
		return false
	case r.Size > MaxRequest, req.size > push.FCM.MaxPayload():
		p.refuse(a, 400, "INVALID_ARGUMENT")
		return false
	}
	if i := strings.IndexByte(in.handle, '-'); i > 0 {
		in.special = in.handle[:i+1]
	}
	return true
}

// MaxRequest is the largest FCM request, in bytes, that is read at all.
const MaxRequest = h2.MaxBody
