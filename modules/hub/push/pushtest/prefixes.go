package pushtest

import (
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// Prefix is the beginning of a handle that decides the answer.
type Prefix struct {
	Service    push.Service
	Prefix     string
	Status     int           // of the answer; 0: none comes
	Reason     string        // the service's word in the answer; "" where it has none
	Verdict    push.Verdict  // what a Sender must make of it
	RetryAfter time.Duration // what a Sender must at least report; 0: nothing asked
	DeviceOnly bool

	kind kind
}

// kind is how the answer is given.
type kind uint8

const (
	plain     kind = iota
	transient      // 503 for the first tries, then accepted
	slow           // accepted after Slow
	reset          // the stream is reset
	eof            // the connection is closed
	newToken       // refused until the sender shows another provider token
	noHeader       // throttled or unavailable, without Retry-After
	html           // the answer of a proxy, not of the service
	violation      // FCM: names the field at fault
	thisOnly       // FCM: another payload for the same token is accepted
	huge           // a body larger than anyone should read
)

// transientTries is how often a transient handle answers 503.
const transientTries = 3

// Prefixes is every answer on demand; the package comment has it as a table.
var Prefixes = []Prefix{
	{Service: push.APNs, Prefix: "dead4001", Status: 400, Reason: "BadDeviceToken", Verdict: push.Gone},
	{Service: push.APNs, Prefix: "dead4002", Status: 400, Reason: "DeviceTokenNotForTopic", Verdict: push.Quarantine},
	{Service: push.APNs, Prefix: "dead4003", Status: 400, Reason: "BadCollapseId", Verdict: push.Failed},
	{Service: push.APNs, Prefix: "dead4037", Status: 200, Verdict: push.Delivered, kind: newToken},
	{Service: push.APNs, Prefix: "dead4031", Status: 403, Reason: "ExpiredProviderToken", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4032", Status: 403, Reason: "InvalidProviderToken", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4033", Status: 403, Reason: "BadCertificate", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4034", Status: 403, Reason: "BadCertificateEnvironment", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4035", Status: 403, Reason: "Forbidden", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4036", Status: 403, Reason: "MissingProviderToken", Verdict: push.Credential},
	{Service: push.APNs, Prefix: "dead4040", Status: 404, Reason: "BadPath", Verdict: push.Failed},
	{Service: push.APNs, Prefix: "dead4050", Status: 405, Reason: "MethodNotAllowed", Verdict: push.Failed},
	{Service: push.APNs, Prefix: "dead4101", Status: 410, Reason: "Unregistered", Verdict: push.Gone},
	{Service: push.APNs, Prefix: "dead4102", Status: 410, Reason: "ExpiredToken", Verdict: push.Gone},
	{Service: push.APNs, Prefix: "dead4130", Status: 413, Reason: "PayloadTooLarge", Verdict: push.Failed},
	{Service: push.APNs, Prefix: "dead4291", Status: 429, Reason: "TooManyRequests", Verdict: push.Throttled, RetryAfter: time.Minute, DeviceOnly: true},
	{Service: push.APNs, Prefix: "dead4292", Status: 429, Reason: "TooManyProviderTokenUpdates", Verdict: push.Throttled, RetryAfter: 2 * time.Minute},
	{Service: push.APNs, Prefix: "dead5000", Status: 500, Reason: "InternalServerError", Verdict: push.Retry},
	{Service: push.APNs, Prefix: "dead5020", Status: 502, Verdict: push.Retry, kind: html},
	{Service: push.APNs, Prefix: "dead5031", Status: 503, Reason: "ServiceUnavailable", Verdict: push.Retry},
	{Service: push.APNs, Prefix: "dead5032", Status: 503, Reason: "Shutdown", Verdict: push.Retry},
	{Service: push.APNs, Prefix: "dead0503", Status: 503, Reason: "ServiceUnavailable", Verdict: push.Retry, kind: transient},
	{Service: push.APNs, Prefix: "dead0001", Status: 200, Verdict: push.Delivered, kind: slow},
	{Service: push.APNs, Prefix: "dead0002", Verdict: push.Retry, kind: reset},
	{Service: push.APNs, Prefix: "dead0003", Verdict: push.Retry, kind: eof},

	{Service: push.FCM, Prefix: "unregistered-", Status: 404, Reason: "UNREGISTERED", Verdict: push.Gone},
	{Service: push.FCM, Prefix: "badtoken-", Status: 400, Reason: "INVALID_ARGUMENT", Verdict: push.Gone},
	{Service: push.FCM, Prefix: "badpayload-", Status: 400, Reason: "INVALID_ARGUMENT", Verdict: push.Failed, kind: thisOnly},
	{Service: push.FCM, Prefix: "badfield-", Status: 400, Reason: "INVALID_ARGUMENT", Verdict: push.Failed, kind: violation},
	{Service: push.FCM, Prefix: "mismatch-", Status: 403, Reason: "SENDER_ID_MISMATCH", Verdict: push.Quarantine},
	{Service: push.FCM, Prefix: "unauthenticated-", Status: 401, Reason: "UNAUTHENTICATED", Verdict: push.Credential},
	{Service: push.FCM, Prefix: "forbidden-", Status: 403, Reason: "PERMISSION_DENIED", Verdict: push.Credential},
	{Service: push.FCM, Prefix: "thirdparty-", Status: 401, Reason: "THIRD_PARTY_AUTH_ERROR", Verdict: push.Credential},
	{Service: push.FCM, Prefix: "quota-", Status: 429, Reason: "QUOTA_EXCEEDED", Verdict: push.Throttled, RetryAfter: RetryAfter},
	{Service: push.FCM, Prefix: "quotaplain-", Status: 429, Reason: "QUOTA_EXCEEDED", Verdict: push.Throttled, RetryAfter: time.Minute, kind: noHeader},
	{Service: push.FCM, Prefix: "internal-", Status: 500, Reason: "INTERNAL", Verdict: push.Retry, RetryAfter: 10 * time.Second, kind: noHeader},
	{Service: push.FCM, Prefix: "unavailable-", Status: 503, Reason: "UNAVAILABLE", Verdict: push.Retry, RetryAfter: RetryAfter},
	{Service: push.FCM, Prefix: "unavailableplain-", Status: 503, Reason: "UNAVAILABLE", Verdict: push.Retry, RetryAfter: 10 * time.Second, kind: noHeader},
	{Service: push.FCM, Prefix: "html-", Status: 502, Verdict: push.Retry, kind: html},
	{Service: push.FCM, Prefix: "transient-", Status: 503, Reason: "UNAVAILABLE", Verdict: push.Retry, kind: transient},
	{Service: push.FCM, Prefix: "slow-", Status: 200, Verdict: push.Delivered, kind: slow},
	{Service: push.FCM, Prefix: "reset-", Verdict: push.Retry, kind: reset},
	{Service: push.FCM, Prefix: "eof-", Verdict: push.Retry, kind: eof},

	{Service: push.WebPush, Prefix: "/accepted/", Status: 202, Verdict: push.Delivered},
	{Service: push.WebPush, Prefix: "/gone/", Status: 410, Verdict: push.Gone},
	{Service: push.WebPush, Prefix: "/missing/", Status: 404, Verdict: push.Gone},
	{Service: push.WebPush, Prefix: "/unauthorized/", Status: 401, Verdict: push.Credential},
	{Service: push.WebPush, Prefix: "/forbidden/", Status: 403, Verdict: push.Credential},
	{Service: push.WebPush, Prefix: "/bad/", Status: 400, Verdict: push.Failed},
	{Service: push.WebPush, Prefix: "/toolarge/", Status: 413, Verdict: push.Failed},
	{Service: push.WebPush, Prefix: "/throttled/", Status: 429, Verdict: push.Throttled, RetryAfter: RetryAfter},
	{Service: push.WebPush, Prefix: "/throttledplain/", Status: 429, Verdict: push.Throttled, RetryAfter: time.Minute, kind: noHeader},
	{Service: push.WebPush, Prefix: "/error/", Status: 500, Verdict: push.Retry, kind: noHeader},
	{Service: push.WebPush, Prefix: "/unavailable/", Status: 503, Verdict: push.Retry, RetryAfter: RetryAfter},
	{Service: push.WebPush, Prefix: "/redirect/", Status: 307, Verdict: push.Failed},
	{Service: push.WebPush, Prefix: "/huge/", Status: 201, Verdict: push.Delivered, kind: huge},
	{Service: push.WebPush, Prefix: "/transient/", Status: 503, Verdict: push.Retry, kind: transient},
	{Service: push.WebPush, Prefix: "/slow/", Status: 201, Verdict: push.Delivered, kind: slow},
	{Service: push.WebPush, Prefix: "/reset/", Verdict: push.Retry, kind: reset},
	{Service: push.WebPush, Prefix: "/eof/", Verdict: push.Retry, kind: eof},
}

// Transient reports whether the handle is refused a few times and then accepted.
func (p Prefix) Transient() bool { return p.kind == transient }

// Slow reports whether the handle's answer takes Slow.
func (p Prefix) Slow() bool { return p.kind == slow }

// byPrefix finds the special handles of a service.
func byPrefix(s push.Service) map[string]*Prefix {
	m := map[string]*Prefix{}
	for i := range Prefixes {
		if Prefixes[i].Service == s {
			m[Prefixes[i].Prefix] = &Prefixes[i]
		}
	}
	return m
}
