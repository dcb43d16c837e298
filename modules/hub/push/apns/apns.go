// Package apns sends to Apple's push service, over github.com/sideshow/apns2
// with token authentication.
package apns

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"strings"
	"sync/atomic"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Endpoints of Apple's two environments. A device token belongs to one of them.
const (
	Production  = apns2.HostProduction
	Development = apns2.HostDevelopment
)

// Config of a Sender: one app in one environment.
type Config struct {
	Endpoint   string         // "": Production
	KeyPEM     []byte         // the .p8 file
	KeyID      string         // the key's name, 10 characters
	TeamID     string         // the team's, 10 characters
	Topic      string         // the app's bundle id
	Transport  wire.Transport // "": wire.Own
	Clients    int            // connections; 0: 4
	MaxStreams int            // messages in flight on each; 0: 1,000, which is Apple's own limit
	RootCAs    *x509.CertPool // nil: the system's
	Clock      clock.Clock    // nil: the machine's
}

// Sender is a push.Sender for APNs.
type Sender struct {
	topic   string
	clients []*apns2.Client
	links   []wire.Link
	turn    atomic.Uint32
	forms   *forms // nil: the transport takes none, and apns2 sends each message itself
	gate    *wire.Gate
	signer  *signer
}

var (
	_ push.Sender = (*Sender)(nil)
	_ push.Piped  = (*Sender)(nil)
)

// New makes a Sender; it connects with the first message.
//
// Errors: fault.Invalid naming the field.
func New(cfg Config) (*Sender, error) {
	key, endpoint, err := cfg.check("apns.New")
	if err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	connections := cmp.Or(cfg.Clients, 4)
	s := &Sender{
		topic:  cfg.Topic,
		links:  cfg.Transport.Links(connections, cfg.RootCAs),
		signer: &signer{clock: cfg.Clock, token: &token.Token{AuthKey: key, KeyID: cfg.KeyID, TeamID: cfg.TeamID}},
	}
	s.gate = wire.NewGate(connections * cmp.Or(cfg.MaxStreams, 1000))
	if own, ok := s.links[0].(wire.FormLink); ok {
		s.forms = &forms{link: own, host: endpoint}
		return s, nil
	}
	for _, link := range s.links {
		c := apns2.NewTokenClient(s.signer.token)
		c.Host = endpoint
		c.HTTPClient = wire.Client(readable{link})
		s.clients = append(s.clients, c)
	}
	return s, nil
}

// check reports everything that is wrong with the configuration at once.
func (cfg Config) check(op string) (key *ecdsa.PrivateKey, endpoint string, err error) {
	const account = "copy it from Apple's developer account"
	var bad []fault.Field
	if key, err = token.AuthKeyFromBytes(cfg.KeyPEM); err != nil {
		bad = append(bad, fault.Field{Name: "key", Problem: "is not an APNs signing key", Fix: "give the whole content of the .p8 file Apple let you download"})
	}
	for _, f := range []struct{ name, value string }{{"key_id", cfg.KeyID}, {"team_id", cfg.TeamID}, {"topic", cfg.Topic}} {
		if f.value == "" {
			bad = append(bad, fault.Field{Name: f.name, Problem: "is missing", Fix: account})
		}
	}
	endpoint = strings.TrimSuffix(cmp.Or(cfg.Endpoint, Production), "/")
	if !strings.HasPrefix(endpoint, "https://") {
		bad = append(bad, fault.Field{Name: "endpoint", Problem: "is not an https:// address", Fix: "leave it empty for Apple's production service"})
	}
	return key, endpoint, fault.BadFields(op, bad)
}

// Service is push.APNs.
func (s *Sender) Service() push.Service { return push.APNs }

// Send sends one message; see push.Sender.
func (s *Sender) Send(ctx context.Context, m *push.Message) push.Outcome {
	if o, bad := refuse(m); bad {
		return o
	}
	if err := s.gate.Enter(ctx); err != nil {
		return wire.Unanswered(ctx, err)
	}
	defer s.gate.Leave()
	used := s.signer.bearer()
	return s.again(ctx, m, s.push(ctx, m, used), used)
}

// again is the outcome, or that of a repeat where it was for the bearer's age.
func (s *Sender) again(ctx context.Context, m *push.Message, o push.Outcome, used string) push.Outcome {
	if o.Reason == apns2.ReasonExpiredProviderToken && s.signer.renew(used) {
		return s.push(ctx, m, s.signer.bearer())
	}
	return o
}

// Begin begins to send one message; see push.Piped. It passes by the gate: our transport
// bounds what is on the wire itself, and waits for it when it is closed.
func (s *Sender) Begin(ctx context.Context, m *push.Message) (wait func() push.Outcome) {
	if _, bad := refuse(m); bad || s.forms == nil {
		return nil
	}
	n := s.notification(m)
	used := s.signer.bearer()
	p, err := s.forms.begin(ctx, &n, m.Payload, used)
	if err != nil {
		return nil // Send tells why
	}
	return func() push.Outcome { return s.again(ctx, m, s.forms.end(ctx, p, m.ID), used) }
}

func (s *Sender) push(ctx context.Context, m *push.Message, bearer string) push.Outcome {
	n := s.notification(m)
	if s.forms != nil {
		p, err := s.forms.begin(ctx, &n, m.Payload, bearer)
		if err != nil {
			return wire.Unanswered(ctx, err)
		}
		return s.forms.end(ctx, p, m.ID)
	}
	whole := n // n stays off the heap where a form is filled in
	whole.Payload = m.Payload
	client := s.clients[int(s.turn.Add(1)%uint32(len(s.clients)))]
	r, err := client.PushWithContext(ctx, &whole)
	if err != nil {
		return wire.Unanswered(ctx, err)
	}
	return Classify(r.StatusCode, r.Reason, r.Timestamp.Time, r.ApnsID)
}

// Depth is how many messages in flight the way to the service calls for; see push.Deep.
func (s *Sender) Depth() int { return wire.Depth(s.links) }

// Close waits for the messages in flight, which end by their own contexts,
// and closes the connections.
func (s *Sender) Close() error {
	s.gate.Close()
	for _, l := range s.links {
		l.Close()
	}
	return nil
}

func (s *Sender) notification(m *push.Message) apns2.Notification {
	n := apns2.Notification{
		ApnsID:      m.ID,
		DeviceToken: m.Handle.Value,
		Topic:       cmp.Or(m.Topic, s.topic),
		Expiration:  m.Expires,
		Priority:    apns2.PriorityHigh,
		PushType:    cmp.Or(apns2.EPushType(m.PushType), apns2.PushTypeAlert),
		CollapseID:  m.Collapse,
	}
	if m.Priority == push.Normal || n.PushType == apns2.PushTypeBackground {
		n.Priority = apns2.PriorityLow // Apple refuses background pushes of high priority
	}
	if n.CollapseID == "" && n.PushType == apns2.PushTypeAlert {
		n.CollapseID = m.ID // a repeat after a crash replaces the first on the screen
	}
	return n
}

// Validate checks a message body before anything is sent.
//
// Errors: fault.TooLarge with size and limit in bytes; fault.Invalid if it is
// not a JSON object.
func Validate(payload []byte) error {
	const op = "apns.Validate"
	if err := wire.Fits(op, push.APNs, len(payload)); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(payload, &object) != nil || object == nil {
		return fault.BadField(op, "payload", "is not a JSON object", `write {"aps":{"alert":"…"}}`)
	}
	return nil
}

// ValidateHandle checks a device token's form. Errors: fault.Invalid.
func ValidateHandle(h push.Handle) error {
	if !isToken(h.Value) {
		return fault.BadField("apns.ValidateHandle", "handle", "is no APNs device token",
			"the token's bytes as 64 to 512 hexadecimal digits, as didRegisterForRemoteNotifications gives them")
	}
	return nil
}

// isToken accepts any length Apple may choose, in whole bytes; today's tokens
// have 32 bytes, those of Live Activities more. A token goes into a URL path,
// so nothing but hexadecimal digits may pass.
func isToken(s string) bool {
	if len(s) < 64 || len(s) > 512 || len(s)%2 != 0 {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
