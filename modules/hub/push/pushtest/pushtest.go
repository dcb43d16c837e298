// Package pushtest simulates APNs, FCM (with its OAuth token endpoint) and a
// Web Push service: true HTTP/2 over TLS on loopback, true headers and bodies,
// and a check of everything the true services check, so that a sender that
// passes here speaks the protocol.
//
// The beginning of a handle decides the answer; Prefixes lists all of them.
//
//	APNs device token      answer
//	dead4001               400 BadDeviceToken
//	dead4002               400 DeviceTokenNotForTopic
//	dead4003               400 BadCollapseId
//	dead4031               403 ExpiredProviderToken, always
//	dead4032               403 InvalidProviderToken
//	dead4033, dead4034     403 BadCertificate, BadCertificateEnvironment
//	dead4035, dead4036     403 Forbidden, MissingProviderToken
//	dead4037               403 ExpiredProviderToken until another token comes, then 200
//	dead4040, dead4050     404 BadPath, 405 MethodNotAllowed
//	dead4101, dead4102     410 Unregistered, ExpiredToken, with a timestamp
//	dead4130               413 PayloadTooLarge
//	dead4291, dead4292     429 TooManyRequests, TooManyProviderTokenUpdates
//	dead5000               500 InternalServerError
//	dead5031, dead5032     503 ServiceUnavailable, Shutdown
//	dead5020               502 with an HTML body
//	dead0503               503 three times, then 200
//	dead0001               200, but only after Slow
//	dead0002, dead0003     the stream is reset, the connection closes: no answer
//	anything else          200
//
//	FCM token              answer
//	unregistered-          404 UNREGISTERED
//	badtoken-              400 INVALID_ARGUMENT, for every message
//	badpayload-            400 INVALID_ARGUMENT, for this message only
//	badfield-              400 INVALID_ARGUMENT with fieldViolations
//	mismatch-              403 SENDER_ID_MISMATCH
//	unauthenticated-       401 UNAUTHENTICATED
//	forbidden-             403 PERMISSION_DENIED
//	thirdparty-            401 THIRD_PARTY_AUTH_ERROR
//	quota-, quotaplain-    429 QUOTA_EXCEEDED with and without Retry-After
//	internal-              500 INTERNAL
//	unavailable-           503 UNAVAILABLE with Retry-After
//	unavailableplain-      503 UNAVAILABLE without
//	html-                  502 with an HTML body
//	transient-             503 three times, then 200
//	slow-, reset-, eof-    as dead0001, dead0002, dead0003
//	anything else          200
//
//	Web Push path          answer
//	/accepted/             202
//	/gone/, /missing/      410, 404
//	/unauthorized/         401
//	/forbidden/            403
//	/bad/, /toolarge/      400, 413
//	/throttled/            429 with Retry-After
//	/throttledplain/       429 without
//	/error/                500
//	/unavailable/          503 with Retry-After
//	/redirect/             307 to elsewhere
//	/huge/                 201 with a body of 1 MiB
//	/transient/            503 three times, then 201
//	/slow/, /reset/, /eof/ as dead0001, dead0002, dead0003
//	/push/                 201
package pushtest

import (
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/clock"
)

// Slow is how long a "slow" handle waits for its answer.
const Slow = 2 * time.Second

// RetryAfter is what the answers with a Retry-After header say.
const RetryAfter = 7 * time.Second

// Config of the simulated services. The zero value is useful.
type Config struct {
	APNs, FCM, WebPush ServiceConfig
	// OnMessage is called for every answered message, by the connection's own
	// goroutine: it must be cheap and safe for concurrent use.
	OnMessage func(Receipt)
	// DecryptEvery checks every nth Web Push message's encryption, which costs
	// 70 µs; 0 and 1 check all. A receipt has no payload where it was skipped.
	DecryptEvery int
	// Headers are the request headers, in lower case, that receipts tell of.
	Headers []string
	// VAPIDPublicKey, if set, is the only application server key Web Push takes.
	VAPIDPublicKey string
	Clock          clock.Clock // nil: the machine's
}

// ServiceConfig shapes one service.
type ServiceConfig struct {
	Addr        string        // listen address; "": a free port on 127.0.0.1
	Latency     time.Duration // added to every answer
	MaxStreams  int           // open requests per connection; 0: 1,000
	GoAwayEvery int           // GOAWAY after so many requests on a connection; 0: never
	CutEvery    int           // the connection closes at every so manyth request on it, unanswered but counted; 0: never
	RefuseEvery int           // every so manyth stream of a connection is refused unseen; 0: none
	PerMinute   int           // messages taken in a minute, then 429; 0: no quota
}

// Receipt is one message as the service saw it.
type Receipt struct {
	Service push.Service
	Handle  string            // device token, registration token or subscription endpoint
	ID      string            // apns-id; FCM notification tag or collapse key; Web Push Topic (a UUID, if it holds one)
	Payload []byte            // APNs body; FCM request; Web Push plaintext
	Header  map[string]string // those of Config.Headers that were there
	Status  int               // what was answered
	At      time.Time
}

// Mode of an outage.
type Mode string

// Modes: none, 503 to every request, requests never answered, connections reset.
const (
	Off         Mode = "off"
	Unavailable Mode = "unavailable"
	Hang        Mode = "hang"
	Reset       Mode = "reset"
)

// Count is what a service has seen since Start.
type Count struct {
	Requests    int64 // messages, whatever the answer
	Accepted    int64 // answered 2xx
	Refused     int64 // answered otherwise
	Unanswered  int64 // hung, reset or closed
	Connections int64
	Open        int64 // connections open now
}
