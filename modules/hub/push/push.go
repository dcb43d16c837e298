// Package push is the seam between the hub and the push services: what a
// message is, what a service may answer, and what the hub does about it.
//
// Each service (apns, fcm, webpush) is a Sender and passes the conformance
// suite in pushtest. A Sender sends once: retrying is the hub's matter.
package push

import (
	"context"
	"time"
)

// Service names a push service.
type Service string

// The push services Usher delivers to.
const (
	APNs    Service = "apns"
	FCM     Service = "fcm"
	WebPush Service = "webpush"
)

// Platforms whose handles are kept and answered, but never delivered to.
const (
	WNS   Service = "wns"
	MPNS  Service = "mpns"
	ADM   Service = "adm"
	Baidu Service = "baidu"
)

// Services lists every push service Usher delivers to, in the order people read them.
var Services = []Service{APNs, FCM, WebPush}

// StoredOnly lists the platforms whose handles are only kept.
var StoredOnly = []Service{WNS, MPNS, ADM, Baidu}

// MaxPayload is the largest message, in bytes, the service takes: the APNs JSON
// body; the FCM message's data and notification; the Web Push plaintext that
// still fits one 4,096-byte record (RFC 8291).
func (s Service) MaxPayload() int {
	if s == WebPush {
		return 3993
	}
	return 4096
}

// Priority of a message at the push service.
type Priority string

// Priorities: High wakes the phone, Normal may wait for its next wake-up.
const (
	High   Priority = "high"
	Normal Priority = "normal"
)

// Handle addresses one app on one device at its push service.
type Handle struct {
	Kind   string // "apns", "fcm_token", "fcm_fid" or "webpush"
	Value  string // device token, registration token, installation id, or subscription endpoint
	P256dh string // Web Push only: the subscription's public key, base64url
	Auth   string // Web Push only: the subscription's secret, base64url
}

// Message is one rendered delivery. Payload is read-only and not kept.
type Message struct {
	ID       string // stable over repeats: a UUID string; apns-id, Android notification tag, Web Push Topic derive from it
	Handle   Handle
	Payload  []byte    // JSON: APNs body; FCM v1 "message" object without a target; Web Push plaintext
	Expires  time.Time // zero: the service's default
	Priority Priority
	Collapse string // optional: a later message with the same key replaces this one
	Topic    string // APNs only: overrides the app's bundle id
	PushType string // APNs only: "alert" (default), "background", "liveactivity", …
}

// Verdict is what the hub must do after a push service's answer.
type Verdict string

// Verdicts, after the tables of hub.md ("What a push service's answer means").
const (
	Delivered  Verdict = "delivered"  // the service accepted the message
	Gone       Verdict = "gone"       // retire the installation, if its handle is not newer than Outcome.Since
	Quarantine Verdict = "quarantine" // keep the installation but stop sending to it until a person looked
	Failed     Verdict = "failed"     // this message is at fault; keep the handle, do not repeat
	Retry      Verdict = "retry"      // transient: repeat after Outcome.RetryAfter, until the message expires
	Throttled  Verdict = "throttled"  // the service asks the whole app to slow down: repeat after RetryAfter, and pace
	Credential Verdict = "credential" // our credential is dead: pause the app on this service and alert
)

// Outcome is a push service's answer, classified.
type Outcome struct {
	Verdict    Verdict
	Status     int           // HTTP status; 0 when no answer came
	Reason     string        // the service's own word for it ("Unregistered"), or ours ("timeout")
	RetryAfter time.Duration // for Retry and Throttled; 0: the hub's own backoff
	Since      time.Time     // for Gone: the service last saw the handle invalid at this time; zero: unknown
	ProviderID string        // the service's id of the message, if it gave one
	DeviceOnly bool          // for Throttled: only this device is limited, not the app
	Err        error         // transport error, for the operator
	Lost       error         // the loss of a connection that had answered; those it took along share the value
}

// Sender sends messages for one app on one push service. Safe for concurrent use.
//
// Send blocks until the service answered or ctx ended; it never retries by
// itself, save for one repeat with a fresh provider token. It always returns an
// Outcome; a cancelled ctx gives Retry with reason "cancelled", its deadline
// Retry with reason "timeout".
type Sender interface {
	Service() Service
	Send(ctx context.Context, m *Message) Outcome
	Close() error
}

// Deep is what a Sender is beside, if it measures the way to its service: Depth is how
// many messages must be in flight to keep a long way full; 0: it does not know yet.
type Deep interface{ Depth() int }

// Piped is what a Sender is beside, if it can have several messages of one caller under
// way: a caller that waits for each wakes up for each. Begin does the first half of Send;
// wait, called once, does the other. Both ctx and m last until then. Wait is nil, and
// nothing was begun, where Begin itself would have had to wait: Send does then.
type Piped interface {
	Begin(ctx context.Context, m *Message) (wait func() Outcome)
}
