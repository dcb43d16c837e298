package hub

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// fcmPace is FCM's default quota of a project, 600,000 messages a minute.
const fcmPace = 10_000

// maxPace is the most a credential may state, messages a second.
const maxPace = 1_000_000

// NewCredential is what a promoter stores for one app on one push service.
type NewCredential interface {
	service() push.Service
	// check reports faults and gives the secret part and what people may see of it,
	// both to become JSON.
	check(bad complaint) (secret any, shown map[string]string)
	pace() int
}

// APNsCredential is a token signing key of Apple's.
type APNsCredential struct {
	KeyPEM string `json:"key_pem"` // content of the .p8 file
	KeyID  string `json:"key_id"`  // 10 characters
	TeamID string `json:"team_id"` // 10 characters
	Topic  string `json:"topic"`   // the app's bundle id
	Pace   *int   `json:"pace,omitempty"`
}

// FCMCredential is a service account of a Firebase project.
type FCMCredential struct {
	ServiceAccount json.RawMessage `json:"service_account"` // the JSON file, as an object
	Pace           *int            `json:"pace,omitempty"`
}

// WebPushCredential is a VAPID key (RFC 8292). An empty key asks for a fresh one.
type WebPushCredential struct {
	VAPIDPrivateKey string `json:"vapid_private_key,omitempty"` // 32 bytes, base64url
	Subject         string `json:"subject"`                     // mailto: or https: address of the sender
	Pace            *int   `json:"pace,omitempty"`
}

// Credential is what people may see of a stored one. Version counts its changes.
type Credential struct {
	App          string          `json:"app"`
	Service      push.Service    `json:"service"`
	Shown        json.RawMessage `json:"shown"`
	Pace         int             `json:"pace"` // messages a second; 0: as fast as it goes
	Version      int64           `json:"version"`
	PausedAt     *time.Time      `json:"paused_at,omitempty"` // the service refused it
	PausedReason string          `json:"paused_reason,omitempty"`
	StoredAt     time.Time       `json:"stored_at"` // how old its key is; a pause changes updated_at alone
	UpdatedAt    time.Time       `json:"updated_at"`
}

func (c APNsCredential) service() push.Service    { return push.APNs }
func (c FCMCredential) service() push.Service     { return push.FCM }
func (c WebPushCredential) service() push.Service { return push.WebPush }

func (c APNsCredential) pace() int    { return orPace(c.Pace, 0) }
func (c FCMCredential) pace() int     { return orPace(c.Pace, fcmPace) }
func (c WebPushCredential) pace() int { return orPace(c.Pace, 0) }

func orPace(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}

var appleID = regexp.MustCompile(`^[A-Z0-9]{10}$`)

func (c APNsCredential) check(bad complaint) (any, map[string]string) {
	const fix = "the whole content of the AuthKey_….p8 file from Apple's developer account, with its BEGIN and END lines"
	if key, err := privateKey(c.KeyPEM); err != nil {
		bad("key_pem", "is no private key in PEM", fix)
	} else if k, ok := key.(*ecdsa.PrivateKey); !ok || k.Curve != elliptic.P256() {
		bad("key_pem", "is no P-256 key, as Apple's are", fix)
	}
	if !appleID.MatchString(c.KeyID) {
		bad("key_id", fmt.Sprintf("%q is no key id", clip(c.KeyID)), "10 capital letters and digits, part of the .p8 file's name")
	}
	if !appleID.MatchString(c.TeamID) {
		bad("team_id", fmt.Sprintf("%q is no team id", clip(c.TeamID)), "10 capital letters and digits, from Apple's membership page")
	}
	if c.Topic == "" || len(c.Topic) > 200 || strings.Trim(c.Topic, topicBytes) != "" {
		bad("topic", fmt.Sprintf("%q is no bundle id", clip(c.Topic)), `such as "org.example.festival"`)
	}
	c.Pace = nil
	return c, map[string]string{"key_id": c.KeyID, "team_id": c.TeamID, "topic": c.Topic}
}

func (c FCMCredential) check(bad complaint) (any, map[string]string) {
	const fix = "the JSON file that the Firebase console offers under Project settings, Service accounts"
	var account struct {
		Type        string `json:"type"`
		ProjectID   string `json:"project_id"`
		PrivateKey  string `json:"private_key"`
		ClientEmail string `json:"client_email"`
		TokenURI    string `json:"token_uri"`
	}
	if err := json.Unmarshal(c.ServiceAccount, &account); err != nil {
		bad("service_account", "is no JSON object", fix)
		return nil, nil
	}
	if account.Type != "service_account" {
		bad("service_account.type", fmt.Sprintf("is %q", clip(account.Type)), fix+`; its type is "service_account"`)
	}
	if account.ProjectID == "" {
		bad("service_account.project_id", "is missing", fix)
	}
	if !strings.Contains(account.ClientEmail, "@") {
		bad("service_account.client_email", "is missing", fix)
	}
	if key, err := privateKey(account.PrivateKey); err != nil {
		bad("service_account.private_key", "is no private key in PEM", fix)
	} else if _, ok := key.(*rsa.PrivateKey); !ok {
		bad("service_account.private_key", "is no RSA key", fix)
	}
	if u, err := url.Parse(account.TokenURI); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		bad("service_account.token_uri", "is no address", fix)
	}
	c.Pace = nil
	return c, map[string]string{"project_id": account.ProjectID, "client_email": account.ClientEmail}
}

func (c WebPushCredential) check(bad complaint) (any, map[string]string) {
	if c.VAPIDPrivateKey == "" {
		key, _, err := webpush.GenerateVAPIDKey()
		if err != nil {
			bad("vapid_private_key", "cannot be made", "give one")
		}
		c.VAPIDPrivateKey = key
	}
	public, err := webpush.PublicKey(c.VAPIDPrivateKey)
	if err != nil {
		bad("vapid_private_key", "is no VAPID key", "32 bytes of a P-256 key in base64url, or leave it out to have one made")
	}
	u, err := url.Parse(c.Subject)
	if err != nil || !(u.Scheme == "mailto" && strings.Contains(u.Opaque, "@") || u.Scheme == "https" && u.Host != "") {
		bad("subject", fmt.Sprintf("%q is no contact address", clip(c.Subject)), `such as "mailto:push@example.org"`)
	}
	c.Pace = nil
	return c, map[string]string{"public_key": public, "subject": c.Subject}
}

// privateKey reads a PKCS #8 or PKCS #1 key.
func privateKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fault.E("hub.privateKey", fault.Invalid, "not PEM", nil)
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return x509.ParsePKCS1PrivateKey(block.Bytes)
}

// sealContext binds a sealed secret to its row.
func sealContext(app string, service push.Service) []byte { return []byte(app + "/" + string(service)) }

// PutCredential checks and stores the credential of an app on a push service, and
// ends a pause. Senders in use are replaced within moments.
// Errors: fault.Invalid with every fault, fault.NotFound (the app).
func (s *Service) PutCredential(ctx context.Context, app string, c NewCredential) (Credential, error) {
	const op = "hub.PutCredential"
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	secret, shown := c.check(bad)
	if p := c.pace(); p < 0 || p > maxPace {
		bad("pace", fmt.Sprintf("is %d", p), fmt.Sprintf("messages a second, at most %d; 0: as fast as it goes", maxPace))
	}
	if err := fault.BadFields(op, f); err != nil {
		return Credential{}, err
	}
	if _, err := s.findApp(ctx, app); err != nil {
		return Credential{}, err
	}
	plain, err := json.Marshal(secret)
	if err != nil {
		return Credential{}, fault.E(op, fault.Internal, "cannot write the credential", err)
	}
	now := s.db.Now()
	// The first version is the time, so that a credential stored after a deletion is
	// not taken for the deleted one by a sender that is still open.
	row := credentialRow{AppID: app, Service: string(c.service()), Pace: c.pace(), Version: now.UnixMicro(), StoredAt: now, UpdatedAt: now}
	if row.Sealed, err = s.seal.Seal(plain, sealContext(app, c.service())); err != nil {
		return Credential{}, err
	}
	public, err := json.Marshal(shown)
	if err != nil {
		return Credential{}, fault.E(op, fault.Internal, "cannot write the credential", err)
	}
	row.Shown = string(public)
	err = s.db.InTx(ctx, func(tx *db.Tx) error { return upsertCredential(tx, &row) })
	return row.credential(), err
}

// Credential tells what people may see of one. Errors: fault.NotFound.
func (s *Service) Credential(ctx context.Context, app string, service push.Service) (Credential, error) {
	row, err := s.findCredential(ctx, app, string(service))
	return row.credential(), err
}

// DeleteCredential forgets one; nothing is sent there any more. Errors: fault.NotFound.
func (s *Service) DeleteCredential(ctx context.Context, app string, service push.Service) error {
	return s.removeCredential(ctx, app, string(service))
}

// ResumeCredential ends the pause of one. Errors: fault.NotFound.
func (s *Service) ResumeCredential(ctx context.Context, app string, service push.Service) (Credential, error) {
	if err := s.setPause(ctx, app, string(service), nil, nil); err != nil {
		return Credential{}, err
	}
	return s.Credential(ctx, app, service)
}

// pauseCredential stops all sending with a credential that the service refused,
// until it is replaced or resumed.
func (s *Service) pauseCredential(ctx context.Context, app string, service push.Service, reason string) error {
	at := s.db.Now()
	return s.setPause(ctx, app, string(service), &at, &reason)
}

// credential is a stored one, opened: for the lanes alone.
type credential struct {
	App          string
	Service      push.Service
	Secret       []byte // JSON of APNsCredential, FCMCredential or WebPushCredential
	Version      int64
	Pace         int
	PausedAt     *time.Time
	PausedReason string
}

// openCredential unseals one. Errors: fault.NotFound, fault.Internal when the
// sealing key is another than it was stored with.
func (s *Service) openCredential(ctx context.Context, app string, service push.Service) (credential, error) {
	row, err := s.findCredential(ctx, app, string(service))
	if err != nil {
		return credential{}, err
	}
	secret, err := s.seal.Open(row.Sealed, sealContext(app, service))
	if err != nil {
		return credential{}, err
	}
	seen := row.credential()
	return credential{App: app, Service: service, Secret: secret, Version: row.Version, Pace: row.Pace,
		PausedAt: seen.PausedAt, PausedReason: seen.PausedReason}, nil
}

// credentialVersion is the cheap question of every chunk: did anything change?
// Errors: fault.NotFound.
func (s *Service) credentialVersion(ctx context.Context, app string, service push.Service) (version int64, pace int, paused bool, err error) {
	row, err := s.findCredential(ctx, app, string(service), "version", "pace", "paused_at")
	return row.Version, row.Pace, row.PausedAt != nil, err
}
