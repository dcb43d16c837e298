package demo

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/pricing"
)

// Push is a message as a phone shows it.
type Push struct {
	At          time.Time
	Title, Body string
}

// Phone is the phone of whoever looks at the demo. It is registered like every other; what
// the simulated push service delivers to it is shown on a page.
type Phone struct {
	App, ID, Tag string // Tag is of this phone alone
	Pushes       []Push // the latest first
}

const (
	phoneID    = "your-phone"
	phoneTag   = "mine"
	phoneNo    = -1 // the crowd's count from 0
	phoneShows = 6
)

// handset is the phone while the festival plays.
type handset struct {
	mu     sync.Mutex
	handle string // "": not registered yet
	pushes []Push
}

// handOut registers the phone that people look at.
func (f *Festival) handOut(ctx context.Context) error {
	h := f.services.Handle(push.APNs, phoneNo, "")
	f.phone.mu.Lock()
	f.phone.handle = h.Value
	f.phone.mu.Unlock()
	return f.client.call(ctx, "PUT", "/v1/installations/"+phoneID, map[string]any{"app": appID, "kind": h.Kind, "handle": h.Value, "locale": tongues[0].locale, "zone": tongues[0].zone,
		"tags": []string{appID, phoneTag, pricing.FollowTag(Slug)}, "attributes": map[string]any{"name": "you"}}, nil)
}

// Phone is what the phone of whoever looks shows now.
func (f *Festival) Phone() Phone {
	f.phone.mu.Lock()
	defer f.phone.mu.Unlock()
	return Phone{App: appID, ID: phoneID, Tag: phoneTag, Pushes: slices.Clone(f.phone.pushes)}
}

// take shows what Apple's push service delivered, if it is for this phone.
func (p *handset) take(r pushtest.Receipt) {
	if r.Service != push.APNs || r.Status >= 300 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Handle != p.handle {
		return
	}
	if shown, ok := alertOf(r.Payload); ok {
		shown.At = r.At
		p.pushes = slices.Insert(p.pushes, 0, shown)[:min(len(p.pushes)+1, phoneShows)]
	}
}

// alertOf reads what iOS would show; ok is false when that is nothing.
// Source: Apple, "Generating a remote notification".
func alertOf(payload []byte) (shown Push, ok bool) {
	var sent struct {
		APS struct{ Alert json.RawMessage }
	}
	if json.Unmarshal(payload, &sent) != nil {
		return shown, false
	}
	if json.Unmarshal(sent.APS.Alert, &shown.Body) != nil { // an object, not a plain text
		var alert struct{ Title, Body string }
		if json.Unmarshal(sent.APS.Alert, &alert) != nil {
			return shown, false
		}
		shown.Title, shown.Body = alert.Title, alert.Body
	}
	return shown, shown.Title+shown.Body != ""
}
