// Package webpush sends to browsers' push services: encryption after RFC 8291
// and RFC 8188, identification by VAPID (RFC 8292), delivery after RFC 8030.
//
// A subscription's endpoint is a URL that somebody outside chose. So messages
// go only over https, only to public addresses, which are checked when the
// connection is made, never to where an answer redirects, and little of an
// answer is read.
package webpush

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/h2"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Config of a Sender: one application server key.
type Config struct {
	VAPIDPrivateKey string         // base64url of the raw 32 bytes, as GenerateVAPIDKey makes it
	Subject         string         // "mailto:…" or "https://…": whom a push service may write to
	AllowHosts      []string       // host:port of services allowed at private addresses
	Transport       wire.Transport // "": wire.Own
	InFlight        int            // messages at once; 0: 500
	RootCAs         *x509.CertPool // nil: the system's
	Clock           clock.Clock    // nil: the machine's
}

// Sender is a push.Sender for Web Push.
type Sender struct {
	forms   *forms       // nil: everything goes over the standard transport
	client  *http.Client // the standard transport
	release func()       // closes what carries the messages
	gate    *wire.Gate
	vapid   *vapid
	clock   clock.Clock
}

var _ push.Sender = (*Sender)(nil)

// New makes a Sender; it connects to each service with its first message.
//
// Errors: fault.Invalid naming the field.
func New(cfg Config) (*Sender, error) {
	cfg.Clock = cmp.Or[clock.Clock](cfg.Clock, clock.System{})
	v, err := newVAPID(cfg.VAPIDPrivateKey, cfg.Subject, cfg.Clock)
	if err != nil {
		return nil, err
	}
	s := &Sender{gate: wire.NewGate(cmp.Or(cfg.InFlight, 500)), vapid: v, clock: cfg.Clock}
	s.connect(cfg)
	return s, nil
}

// Service is push.WebPush.
func (s *Sender) Service() push.Service { return push.WebPush }

// Send encrypts and sends one message; see push.Sender.
func (s *Sender) Send(ctx context.Context, m *push.Message) push.Outcome {
	if len(m.Payload) > push.WebPush.MaxPayload() {
		return push.Outcome{Verdict: push.Failed, Reason: "payload too large"}
	}
	sub, err := parseSubscription("webpush.Send", m.Handle.Value, m.Handle.P256dh, m.Handle.Auth)
	if err != nil {
		return push.Outcome{Verdict: push.Gone, Reason: "malformed subscription", Err: err}
	}
	if err := s.gate.Enter(ctx); err != nil {
		return wire.Unanswered(ctx, err)
	}
	defer s.gate.Leave()
	e, err := s.envelope(sub, m)
	if err != nil {
		return push.Outcome{Verdict: push.Failed, Reason: "not encrypted", Err: err}
	}
	o, err := s.push(ctx, sub.endpoint, &e)
	if err != nil {
		return unanswered(ctx, err)
	}
	return o
}

// push sends an envelope: as a form over our own transport, or as a request over the
// standard one to a service that does not speak HTTP/2.
func (s *Sender) push(ctx context.Context, endpoint *url.URL, e *envelope) (push.Outcome, error) {
	if s.forms != nil {
		o, err := s.forms.push(ctx, endpoint, e, s.clock.Now)
		if !errors.Is(err, h2.ErrNoHTTP2) {
			return o, err
		}
	}
	resp, err := s.client.Do(e.request(endpoint).WithContext(ctx))
	if err != nil {
		return push.Outcome{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // a body cut short still has a status
	return Classify(resp.StatusCode, resp.Header, body, s.clock.Now()), nil
}

// An envelope is what goes to a push service: the encrypted message, and the header
// fields that are not the same in all.
type envelope struct {
	body                               []byte
	authorization, ttl, urgency, topic string
}

func (s *Sender) envelope(sub *subscription, m *push.Message) (envelope, error) {
	body, err := encrypt(sub, m.Payload)
	if err != nil {
		return envelope{}, err
	}
	authorization, err := s.vapid.header(sub.endpoint.Scheme + "://" + sub.endpoint.Host)
	return envelope{
		body: body, authorization: authorization,
		ttl:     strconv.FormatInt(ttl(m.Expires, s.clock.Now()), 10),
		urgency: urgency(m.Priority), topic: topic(m),
	}, err
}

// blank is the request of every message to an endpoint's service.
func blank(endpoint *url.URL) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: endpoint, Host: endpoint.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Encoding": {"aes128gcm"}, "Content-Type": {"application/octet-stream"}},
	}
}

// request is the envelope as net/http takes it.
func (e *envelope) request(endpoint *url.URL) *http.Request {
	req := blank(endpoint)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(e.body)), int64(len(e.body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.body)), nil }
	for i, value := range e.fields() {
		req.Header.Set(fieldNames[i], value)
	}
	return req
}

// fieldNames are the header fields of an envelope, and fields their values.
var fieldNames = [h2.MaxBlanks]string{"Authorization", "Ttl", "Urgency", "Topic"}

func (e *envelope) fields() [h2.MaxBlanks]string {
	return [h2.MaxBlanks]string{e.authorization, e.ttl, e.urgency, e.topic}
}

// Close waits for the messages in flight, which end by their own contexts,
// and closes the connections.
func (s *Sender) Close() error {
	s.gate.Close()
	s.release()
	return nil
}

// maxTTL is asked for when a message has no end: what the large services keep.
const maxTTL = 28 * 24 * time.Hour

// ttl is the seconds a service may keep the message (RFC 8030, 5.2); 0: now or never.
func ttl(expires, now time.Time) int64 {
	if expires.IsZero() {
		return int64(maxTTL / time.Second)
	}
	return int64(max(0, min(expires.Sub(now), maxTTL)) / time.Second)
}

// urgency is RFC 8030, 5.3.
func urgency(p push.Priority) string {
	if p == push.High {
		return "high"
	}
	return "normal"
}

// unanswered is the outcome of a message that got no answer. An endpoint at an
// address that must not be reached is left for a person to look at.
func unanswered(ctx context.Context, err error) push.Outcome {
	if errors.Is(err, errForbidden) {
		return push.Outcome{Verdict: push.Quarantine, Reason: "forbidden address", Err: err}
	}
	return wire.Unanswered(ctx, err)
}

// ValidateSubscription checks what a browser's PushSubscription holds.
//
// Errors: fault.Invalid naming endpoint, p256dh or auth.
func ValidateSubscription(endpoint, p256dh, auth string) error {
	_, err := parseSubscription("webpush.ValidateSubscription", endpoint, p256dh, auth)
	return err
}

// parseEndpoint accepts https URLs with a host and nothing that smuggles.
func parseEndpoint(op, endpoint string) (*url.URL, error) {
	const fix = "send subscription.endpoint as the browser gave it"
	u, err := url.Parse(endpoint)
	switch {
	case len(endpoint) > 2048:
		return nil, fault.BadField(op, "endpoint", "is longer than 2048 characters", fix)
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, fault.BadField(op, "endpoint", "is not a URL", fix)
	case u.Scheme != "https":
		return nil, fault.BadField(op, "endpoint", "is not an https:// URL", fix)
	case u.User != nil || u.Fragment != "":
		return nil, fault.BadField(op, "endpoint", "has a user or a fragment", fix)
	}
	return u, nil
}
