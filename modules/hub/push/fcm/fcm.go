// Package fcm sends to Firebase Cloud Messaging, over the Firebase SDK's
// messaging client.
//
// The SDK repeats a message by itself (five tries on 503 and on a broken
// connection) and hides an answer's status and headers. So each client's
// transport keeps the true answer for us and shows the SDK only answers that
// it does not repeat.
package fcm

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"sync/atomic"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Config of a Sender: one Firebase project.
type Config struct {
	ServiceAccountJSON []byte         // the key file of a service account
	Endpoint           string         // "": Google's; else the base before /projects/{p}/messages:send
	Transport          wire.Transport // "": wire.Own
	Clients            int            // connections; 0: 4
	MaxStreams         int            // messages in flight on each; 0: 250
	RootCAs            *x509.CertPool // nil: the system's
	Clock              clock.Clock    // nil: the machine's
}

// Sender is a push.Sender for FCM.
type Sender struct {
	clients []*messaging.Client
	links   []wire.Link
	turn    atomic.Uint32
	forms   *forms // nil: the transport takes none, and the SDK sends each message itself
	gate    *wire.Gate
	bearers *bearers
	clock   clock.Clock
}

var (
	_ push.Sender = (*Sender)(nil)
	_ push.Piped  = (*Sender)(nil)
)

// New makes a Sender; it connects with the first message.
//
// Errors: fault.Invalid naming the field.
func New(ctx context.Context, cfg Config) (*Sender, error) {
	const op = "fcm.New"
	cfg.Clock = cmp.Or[clock.Clock](cfg.Clock, clock.System{})
	account, err := readAccount(op, cfg.ServiceAccountJSON)
	if err != nil {
		return nil, err
	}
	endpoint := strings.TrimSuffix(cfg.Endpoint, "/")
	if endpoint != "" && !strings.HasPrefix(endpoint, "https://") {
		return nil, fault.BadField(op, "endpoint", "is not an https:// address", "leave it empty for Google's service")
	}
	connections := cmp.Or(cfg.Clients, 4)
	tokenLink := cfg.Transport.Links(1, cfg.RootCAs)[0]
	s := &Sender{
		links:   []wire.Link{tokenLink},
		bearers: &bearers{fetch: account.fetcher(tokenLink), clock: cfg.Clock},
		gate:    wire.NewGate(connections * cmp.Or(cfg.MaxStreams, 250)),
		clock:   cfg.Clock,
	}
	for _, link := range cfg.Transport.Links(connections, cfg.RootCAs) {
		client, err := newClient(ctx, account.project, endpoint, wire.Client(recorder{link, s.bearers}))
		if err != nil {
			return nil, fault.E(op, fault.Internal, "the Firebase client could not be made", err)
		}
		s.links, s.clients = append(s.links, link), append(s.clients, client)
	}
	if link, ok := s.links[1].(wire.FormLink); ok {
		if s.forms, err = newForms(ctx, link, account.project, endpoint); err != nil {
			return nil, fault.E(op, fault.Internal, "the Firebase client does not draw up a request", err)
		}
	}
	return s, nil
}

func newClient(ctx context.Context, project, endpoint string, hc *http.Client) (*messaging.Client, error) {
	opts := []option.ClientOption{option.WithHTTPClient(hc)}
	if endpoint != "" {
		opts = append(opts, option.WithEndpoint(endpoint))
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: project}, opts...)
	if err != nil {
		return nil, err
	}
	return app.Messaging(ctx)
}

// Service is push.FCM.
func (s *Sender) Service() push.Service { return push.FCM }

// Send sends one message; see push.Sender.
//
// Before a handle is retired because of INVALID_ARGUMENT, which FCM says of bad
// tokens and of bad messages alike, a dry run with a message that is surely
// good decides which it was.
func (s *Sender) Send(ctx context.Context, m *push.Message) push.Outcome {
	if err := s.gate.Enter(ctx); err != nil {
		return wire.Unanswered(ctx, err)
	}
	defer s.gate.Leave()
	if wait := s.Begin(ctx, m); wait != nil {
		return wait()
	}
	msg, err := compose(m, s.clock.Now())
	if err != nil {
		return push.Outcome{Verdict: push.Failed, Reason: invalidArgument, Err: err}
	}
	request := func() (push.Outcome, string) { return s.push(ctx, msg, (*messaging.Client).Send) }
	o, used := request()
	return s.follow(ctx, m, o, used, request)
}

// Begin begins to send one message; see push.Piped. It passes by the gate: our transport
// bounds what is on the wire itself, and waits for it when it is closed.
func (s *Sender) Begin(ctx context.Context, m *push.Message) (wait func() push.Outcome) {
	if s.forms == nil {
		return nil
	}
	buf := bodies.Get().(*[]byte)
	body, ok := plain((*buf)[:0], m, s.clock.Now())
	if *buf = body; !ok {
		bodies.Put(buf)
		return nil
	}
	p := s.beginPlain(ctx, body)
	return func() push.Outcome {
		defer bodies.Put(buf)
		return s.follow(ctx, m, s.endPlain(ctx, p), p.bearer, func() (push.Outcome, string) { return s.pushPlain(ctx, body) })
	}
}

// follow does what follows from an answer: a repeat with a fresh bearer, or a closer look
// at a handle.
func (s *Sender) follow(ctx context.Context, m *push.Message, o push.Outcome, used string, request func() (push.Outcome, string)) push.Outcome {
	if o.Status == http.StatusUnauthorized && o.Reason != thirdPartyAuth && s.bearers.discard(used) {
		o, _ = request()
	}
	if o.Verdict == push.Gone && o.Reason == invalidArgument && !s.tokenIsBad(ctx, m.Handle) {
		o.Verdict = push.Failed
	}
	return o
}

// tokenIsBad asks FCM whether it refuses the handle whatever the message.
func (s *Sender) tokenIsBad(ctx context.Context, h push.Handle) bool {
	probe := &messaging.Message{}
	address(probe, h)
	o, _ := s.push(ctx, probe, (*messaging.Client).SendDryRun)
	return o.Verdict == push.Gone
}

type sendFunc func(*messaging.Client, context.Context, *messaging.Message) (string, error)

// push makes one request and returns its outcome and the bearer it carried.
func (s *Sender) push(ctx context.Context, msg *messaging.Message, send sendFunc) (push.Outcome, string) {
	client := s.clients[int(s.turn.Add(1)%uint32(len(s.clients)))]
	var x exchange
	name, err := send(client, context.WithValue(ctx, exchangeKey{}, &x), msg)
	switch {
	case x.err != nil:
		return unanswered(ctx, x.err), x.bearer
	case x.status == 0: // the SDK did not even ask: its own checks failed
		return push.Outcome{Verdict: push.Failed, Reason: invalidArgument, Err: err}, x.bearer
	}
	o := Classify(x.status, x.header, x.body, s.clock.Now())
	o.ProviderID = name
	return o, x.bearer
}

// Depth is how many messages in flight the way to the service calls for; see push.Deep.
func (s *Sender) Depth() int { return wire.Depth(s.links[1:]) }

// Close waits for the messages in flight, which end by their own contexts,
// and closes the connections.
func (s *Sender) Close() error {
	s.gate.Close()
	for _, l := range s.links {
		l.Close()
	}
	return nil
}
