package webpush

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

const (
	maxAnswer  = 1 << 10 // bytes read of an answer's body
	maxReason  = 120     // characters of it that are kept
	quotaPause = time.Minute
)

// Classify maps a push service's answer to an Outcome, after hub.md's table and
// RFC 8030, 5 to 8.
//
// 413 is Failed: our records carry no padding, so they cannot be shrunk.
func Classify(status int, header http.Header, body []byte, now time.Time) push.Outcome {
	o := push.Outcome{Status: status, Verdict: push.Failed}
	switch {
	case status/100 == 2:
		o.Verdict, o.ProviderID = push.Delivered, header.Get("Location")
		return o
	case status == http.StatusNotFound, status == http.StatusGone:
		o.Verdict = push.Gone
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		o.Verdict = push.Credential
	case status == http.StatusTooManyRequests:
		o.Verdict, o.RetryAfter = push.Throttled, cmp.Or(wire.RetryAfter(header, now), quotaPause)
	case status >= 500, status == http.StatusRequestTimeout:
		o.Verdict, o.RetryAfter = push.Retry, wire.RetryAfter(header, now)
	}
	o.Reason = cmp.Or(excerpt(body), http.StatusText(status))
	return o
}

// excerpt is the beginning of a stranger's text, safe to show: printable ASCII
// in one line.
func excerpt(body []byte) string {
	var b strings.Builder
	for _, c := range body {
		if b.Len() == maxReason {
			break
		}
		if c < ' ' || c > '~' {
			c = ' '
		}
		b.WriteByte(c)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
