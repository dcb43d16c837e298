package webpush

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/h2"
)

// forms fills in a form for each message over our own transport: one a push service. A
// host that does not speak HTTP/2, a service behind somebody's old proxy, has none.
type forms struct {
	own   *h2.Transport
	known sync.Map // host, as in a URL: its *h2.Form, or nil where it does not speak HTTP/2
	count atomic.Int32
}

// maxKnown bounds the hosts remembered: strangers choose them.
const maxKnown = 1000

// push sends one message. Errors: as h2.Transport's; h2.ErrNoHTTP2 without a try where it
// is known.
func (f *forms) push(ctx context.Context, endpoint *url.URL, e *envelope, now func() time.Time) (push.Outcome, error) {
	form, err := f.of(endpoint)
	if err != nil {
		return push.Outcome{}, err
	}
	a, err := f.own.Send(ctx, form, h2.Filling{Path: endpoint.RequestURI(), Blanks: e.fields(), Body: e.body})
	if errors.Is(err, h2.ErrNoHTTP2) {
		f.remember(endpoint.Host, nil)
	}
	if err != nil {
		return push.Outcome{}, err
	}
	if a.Status/100 == 2 {
		return push.Outcome{Verdict: push.Delivered, Status: a.Status, ProviderID: a.Field("location")}, nil
	}
	return Classify(a.Status, a.Header(), a.Body, now()), nil
}

// of finds the form of messages to an endpoint's service, or draws it up.
func (f *forms) of(endpoint *url.URL) (*h2.Form, error) {
	if kept, ok := f.known.Load(endpoint.Host); ok {
		if form := kept.(*h2.Form); form != nil {
			return form, nil
		}
		return nil, h2.ErrNoHTTP2
	}
	form, err := h2.NewForm(blank(endpoint), fieldNames[:]...)
	if err == nil {
		f.remember(endpoint.Host, form)
	}
	return form, err
}

func (f *forms) remember(host string, form *h2.Form) {
	if _, known := f.known.Swap(host, form); !known && f.count.Add(1) > maxKnown {
		f.known.Clear()
		f.count.Store(0)
	}
}
