// Package wire is what the senders share below their protocols: the HTTP/2
// transport, the bound on messages in flight, and the reading of failures that
// are the same everywhere.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/h2"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// ErrClosed says that the sender was closed.
var ErrClosed = h2.ErrClosed

// Gate bounds the messages in flight.
type Gate struct {
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

// NewGate makes a Gate for n messages at once, n ≥ 1.
func NewGate(n int) *Gate {
	return &Gate{slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Enter waits for a slot; the caller must Leave. Errors: ctx's, ErrClosed.
func (g *Gate) Enter(ctx context.Context) error {
	select {
	case <-g.done:
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g.slots <- struct{}{}: // nearly always
		return nil
	default:
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-g.done:
		return ErrClosed
	}
}

// Leave gives the slot back.
func (g *Gate) Leave() { <-g.slots }

// Close refuses newcomers and waits for those inside.
func (g *Gate) Close() {
	g.once.Do(func() {
		close(g.done)
		for range cap(g.slots) {
			g.slots <- struct{}{}
		}
	})
}

// Unanswered is the outcome of a message that got no answer because of err.
//
// Reasons: "cancelled" and "timeout" after ctx, "closed" after Close, else
// "unreachable".
func Unanswered(ctx context.Context, err error) push.Outcome {
	o := push.Outcome{Verdict: push.Retry, Reason: "unreachable", Err: err}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		o.Reason = "timeout"
	case ctx.Err() != nil:
		o.Reason = "cancelled"
	case errors.Is(err, ErrClosed):
		o.Reason = "closed"
	}
	if lost, ok := errors.AsType[*h2.LostError](err); ok {
		o.Lost = lost
	}
	return o
}

// maxWait is the longest Retry-After that is believed.
const maxWait = 24 * time.Hour

// RetryAfter reads the header in both its forms, seconds and a date (RFC 9110,
// 10.2.3), between 0 and a day; 0 where it is missing or unreadable.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, min(at.Sub(now), maxWait))
	}
	return 0
}

// Fits checks a message's size against what the service takes.
//
// Errors: fault.TooLarge naming size and limit in bytes.
func Fits(op string, s push.Service, size int) error {
	if limit := s.MaxPayload(); size > limit {
		return fault.E(op, fault.TooLarge, fmt.Sprintf("the message is %d bytes, %s takes at most %d", size, s, limit), nil).
			WithFix(fmt.Sprintf("shorten it by %d bytes", size-limit))
	}
	return nil
}

// Client makes an HTTP client without a timeout of its own, for ctx has the
// deadline, and without redirects: no push service redirects a message.
func Client(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Keeper keeps a request instead of sending it: what a library would send can be had
// without its going out. It answers 200 with the body Answer.
type Keeper struct {
	Answer  string
	Request *http.Request // the last one
}

// RoundTrip keeps req, whose body is closed.
func (k *Keeper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	k.Request = req
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(k.Answer))}, nil
}
