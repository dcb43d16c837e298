package analytics

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Delivery is one fact on its way to one outlet.
type Delivery struct {
	ID        id.ID      `json:"id"` // webhook-id
	Outlet    id.ID      `json:"-"`
	Type      string     `json:"type"`
	State     string     `json:"state"`
	Attempts  int        `json:"attempts"`
	Status    int        `json:"status,omitempty"` // of the last answer; 0: none came
	Error     string     `json:"error,omitempty"`
	NextAt    *time.Time `json:"next_at,omitempty"` // when it is tried again
	CreatedAt time.Time  `json:"created_at"`
	DoneAt    *time.Time `json:"done_at,omitempty"`

	no   int64
	body string
}

// States of a delivery.
const (
	stateWaiting   = "waiting"
	stateDelivered = "delivered"
	stateFailed    = "failed" // given up
)

// backoff is how long after each failed attempt the next one is made: about two
// days in all, as standardwebhooks.com advises.
var backoff = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

const (
	maxWait = time.Hour // that a receiver may ask for with Retry-After

	attemptTimeout = 15 * time.Second
)

// attempt is how one attempt ended.
type attempt struct {
	status int           // 0: no answer
	wait   time.Duration // that the receiver asked for
	err    string        // "": delivered
}

// SendDelivery makes one attempt and notes how it ended. Errors: fault.Transient when
// another is to be made, after the time it states.
func (s *Service) SendDelivery(ctx context.Context, delivery id.ID) error {
	d, o, err := s.findDelivery(ctx, delivery)
	if fault.Is(err, fault.NotFound) || err == nil && (o.Paused || d.State != stateWaiting) {
		return nil // removed, sent by somebody else, or waiting for the outlet to go on
	}
	if err != nil {
		return err
	}
	done := s.post(ctx, &o, &d)
	if ctx.Err() != nil { // the process stops: this was no attempt
		return fault.E("analytics.SendDelivery", fault.Transient, "the attempt was cut off", ctx.Err())
	}
	d.Attempts++
	switch {
	case done.err == "":
		return s.noteDelivered(ctx, &d, done)
	case done.status == http.StatusGone:
		return s.noteGone(ctx, &d, done)
	case d.Attempts > len(backoff):
		return s.noteFailed(ctx, &d, done, nil)
	}
	wait := max(backoff[d.Attempts-1], done.wait)
	next := s.db.Now().Add(wait)
	if err := s.noteFailed(ctx, &d, done, &next); err != nil {
		return err
	}
	return fault.E("analytics.SendDelivery", fault.Transient, "the webhook "+o.Name+" did not take the delivery: "+done.err, nil).After(wait)
}

// post signs the delivery and sends it. Whatever the answer says beside its status is
// not read: a receiver has nothing to tell us.
func (s *Service) post(ctx context.Context, o *Outlet, d *Delivery) attempt {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, strings.NewReader(d.body))
	if err != nil {
		return attempt{err: "the address is none"}
	}
	now := s.db.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Usher (event ticketing; webhooks)")
	req.Header.Set("webhook-id", d.ID.String())
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", s.sign(o, d, now))
	res, err := s.sender.Do(req)
	if err != nil {
		return attempt{err: "cannot reach " + req.URL.Host}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return attempt{status: res.StatusCode}
	}
	a := attempt{status: res.StatusCode, err: fmt.Sprintf("it answered %d", res.StatusCode)}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		a.err += ": redirects are not followed, give the address itself"
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
		a.wait = min(time.Duration(n)*time.Second, maxWait)
	}
	return a
}

// sign is the value of webhook-signature: one signature a living secret, the latest
// first. Source: the Standard Webhooks specification, symmetric signatures: v1 and
// the base64 of HMAC-SHA256 over "id.timestamp.body".
func (s *Service) sign(o *Outlet, d *Delivery, now time.Time) string {
	one := func(generation int) string {
		m := hmac.New(sha256.New, s.outletKey(o, generation))
		fmt.Fprintf(m, "%s.%d.%s", d.ID, now.Unix(), d.body)
		return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
	text := one(o.generation)
	if o.RotatedAt != nil && now.Before(o.RotatedAt.Add(secretOverlap)) {
		text += " " + one(o.generation-1)
	}
	return text
}
