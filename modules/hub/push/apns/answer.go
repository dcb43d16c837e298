package apns

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sideshow/apns2"

	"github.com/usherhq/usher/modules/hub/push"
)

const (
	devicePause = time.Minute     // Apple asks for patience with one device
	tokenPause  = 5 * time.Minute // and more after too many provider tokens
)

// Classify maps APNs' answer to an Outcome, after hub.md's table and Apple's
// "Handling notification responses from APNs".
//
// since is when APNs last saw the handle invalid (410), providerID its apns-id.
func Classify(status int, reason string, since time.Time, providerID string) push.Outcome {
	o := push.Outcome{Status: status, Reason: reason, ProviderID: providerID, Verdict: push.Failed}
	switch {
	case status == http.StatusOK:
		o.Verdict = push.Delivered
	case status == http.StatusGone:
		o.Verdict, o.Since = push.Gone, since.UTC()
	case reason == apns2.ReasonBadDeviceToken:
		o.Verdict = push.Gone
	case reason == apns2.ReasonDeviceTokenNotForTopic:
		o.Verdict = push.Quarantine
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		o.Verdict = push.Credential
	case reason == apns2.ReasonTooManyProviderTokenUpdates:
		o.Verdict, o.RetryAfter = push.Throttled, tokenPause
	case status == http.StatusTooManyRequests:
		o.Verdict, o.RetryAfter, o.DeviceOnly = push.Throttled, devicePause, true
	case status >= 500 || status == http.StatusRequestTimeout || reason == apns2.ReasonIdleTimeout:
		o.Verdict = push.Retry
	}
	return o
}

// refuse finds messages that APNs would refuse anyway, or must never see.
func refuse(m *push.Message) (push.Outcome, bool) {
	switch {
	case !isToken(m.Handle.Value):
		return push.Outcome{Verdict: push.Gone, Reason: apns2.ReasonBadDeviceToken}, true
	case len(m.Payload) > push.APNs.MaxPayload():
		return push.Outcome{Verdict: push.Failed, Reason: "PayloadTooLarge"}, true
	case len(m.Collapse) > 64:
		return push.Outcome{Verdict: push.Failed, Reason: apns2.ReasonBadCollapseID}, true
	}
	return push.Outcome{}, false
}

// maxAnswer is how much of an error body is read, in bytes.
const maxAnswer = 4 << 10

// readable makes every answer one that apns2 can read: its decoder loses the
// status when the body is not JSON, as a proxy's is.
type readable struct{ transport http.RoundTripper }

// RoundTrip sends the request and tidies the answer's body.
func (r readable) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.transport.RoundTrip(req)
	if err != nil || resp.ContentLength == 0 { // every accepted message: nothing to read
		return resp, err
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // a body cut short still has a status
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(tidy(body)))
	return resp, nil
}

// tidy keeps the two members of an error body that mean something, or "{}".
func tidy(body []byte) []byte {
	var a struct {
		Reason    string          `json:"reason"`
		Timestamp json.RawMessage `json:"timestamp"`
	}
	if json.Unmarshal(body, &a) != nil {
		return []byte("{}")
	}
	reason, _ := json.Marshal(a.Reason) // a string can be marshalled
	out := append([]byte(`{"reason":`), reason...)
	if ms, err := strconv.ParseInt(string(a.Timestamp), 10, 64); err == nil {
		out = append(out, `,"timestamp":`...)
		out = strconv.AppendInt(out, ms, 10)
	}
	return append(out, '}')
}
