package fcm

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"firebase.google.com/go/v4/messaging"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/h2"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

// forms has the SDK draw up one request, and fills in each plain message's body and the
// bearer of the hour.
type forms struct {
	link wire.FormLink
	req  *http.Request // as the SDK made it
	path string
	last atomic.Pointer[signed]
}

// signed is the form with a bearer.
type signed struct {
	bearer string
	form   *h2.Form
}

// newForms has the request drawn up; nothing is sent.
func newForms(ctx context.Context, link wire.FormLink, project, endpoint string) (*forms, error) {
	kept := wire.Keeper{Answer: `{"name":"none"}`}
	client, err := newClient(ctx, project, endpoint, wire.Client(&kept))
	if err != nil {
		return nil, err
	}
	if _, err := client.Send(ctx, &messaging.Message{Token: "anybody"}); err != nil {
		return nil, err
	}
	return &forms{link: link, req: kept.Request, path: kept.Request.URL.RequestURI()}, nil
}

// of is the form signed with a bearer.
func (f *forms) of(bearer string) (*h2.Form, error) {
	if s := f.last.Load(); s != nil && s.bearer == bearer {
		return s.form, nil
	}
	req := *f.req
	req.Header = req.Header.Clone()
	req.Header.Set("Authorization", "Bearer "+bearer)
	form, err := h2.NewForm(&req)
	if err == nil {
		f.last.Store(&signed{bearer, form})
	}
	return form, err
}

// plainPush is a plain message under way.
type plainPush struct {
	pending h2.Pending
	bearer  string // that it carries
	err     error  // why it is not under way
}

// beginPlain begins to send a body, which is read until the push has ended.
func (s *Sender) beginPlain(ctx context.Context, body []byte) (p plainPush) {
	if p.bearer, p.err = s.bearers.get(ctx); p.err != nil {
		return p
	}
	var form *h2.Form
	if form, p.err = s.forms.of(p.bearer); p.err == nil {
		p.pending, p.err = s.forms.link.Begin(ctx, form, h2.Filling{Path: s.forms.path, Body: body})
	}
	return p
}

// endPlain waits for its outcome.
func (s *Sender) endPlain(ctx context.Context, p plainPush) push.Outcome {
	if p.err != nil {
		return unanswered(ctx, p.err)
	}
	a, err := p.pending.Wait()
	if err != nil {
		return wire.Unanswered(ctx, err)
	}
	if a.Status/100 == 2 {
		return push.Outcome{Verdict: push.Delivered, Status: a.Status, ProviderID: nameOf(a.Body)}
	}
	return Classify(a.Status, a.Header(), a.Body, s.clock.Now())
}

// pushPlain sends a body and returns its outcome and the bearer it carried.
func (s *Sender) pushPlain(ctx context.Context, body []byte) (push.Outcome, string) {
	p := s.beginPlain(ctx, body)
	return s.endPlain(ctx, p), p.bearer
}

// nameOf is the message's id in FCM's answer, {"name":"…"}.
func nameOf(body []byte) string {
	s := scanner{rest: body}
	name := ""
	if s.object(func(member []byte) bool {
		text, ok := s.text()
		if ok && string(member) == "name" {
			name = string(text)
		}
		return ok
	}) {
		return name
	}
	var a struct{ Name string }
	_ = json.Unmarshal(body, &a) // an id that cannot be read is not worth a message
	return a.Name
}

// bodies are buffers of plain requests.
var bodies = sync.Pool{New: func() any { return new([]byte) }}
