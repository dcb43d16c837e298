package apns

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/h2"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

// kind is what decides about a message's header, but for its id and its collapse key.
type kind struct {
	topic    string
	pushType apns2.EPushType
	priority int
	expires  int64 // unix seconds
	bearer   string
}

// forms has apns2 draw up the request of a kind of message once, and fills it in for
// each message: whatever apns2 says in a header is said, and said only once.
type forms struct {
	link wire.FormLink
	host string
	last atomic.Pointer[drawn] // of the notification that is going out
}

type drawn struct {
	kind kind
	form *h2.Form
}

// begin begins to send one message. Errors: as h2.Transport's.
func (f *forms) begin(ctx context.Context, n *apns2.Notification, payload []byte, bearer string) (h2.Pending, error) {
	form, err := f.of(n, bearer)
	if err != nil {
		return h2.Pending{}, err
	}
	return f.link.Begin(ctx, form, h2.Filling{
		Path: "/3/device/" + n.DeviceToken, Blanks: [h2.MaxBlanks]string{n.ApnsID, n.CollapseID}, Body: payload,
	})
}

// end waits for the outcome of the message of that id.
func (f *forms) end(ctx context.Context, p h2.Pending, messageID string) push.Outcome {
	a, err := p.Wait()
	if err != nil {
		return wire.Unanswered(ctx, err)
	}
	id := a.Field("apns-id")
	if a.Status == http.StatusOK {
		id = cmp.Or(id, messageID) // it would be repeated, but h2 does not read it
	}
	if len(a.Body) == 0 {
		return Classify(a.Status, "", time.Time{}, id)
	}
	r := apns2.Response{}
	_ = json.Unmarshal(tidy(a.Body[:min(len(a.Body), maxAnswer)]), &r) // tidy leaves nothing that does not parse
	return Classify(a.Status, r.Reason, r.Timestamp.Time, id)
}

// of finds the form of a message, or has it drawn up.
func (f *forms) of(n *apns2.Notification, bearer string) (*h2.Form, error) {
	k := kind{n.Topic, n.PushType, n.Priority, n.Expiration.Unix(), bearer}
	if d := f.last.Load(); d != nil && d.kind == k {
		return d.form, nil
	}
	req, err := drawUp(*n, f.host, bearer)
	if err != nil {
		return nil, err
	}
	form, err := h2.NewForm(req, "Apns-Id", "Apns-Collapse-Id")
	if err == nil {
		f.last.Store(&drawn{k, form})
	}
	return form, err
}

// neverOld keeps apns2 from renewing a bearer by itself: the signer does.
const neverOld = 1 << 60

// drawUp returns the request that apns2 would send, and sends nothing.
func drawUp(n apns2.Notification, host, bearer string) (*http.Request, error) {
	var kept wire.Keeper
	c := apns2.Client{
		Host: host, HTTPClient: wire.Client(&kept),
		Token: &token.Token{Bearer: bearer, IssuedAt: neverOld},
	}
	if _, err := c.Push(&n); err != nil {
		return nil, err
	}
	return kept.Request, nil
}
