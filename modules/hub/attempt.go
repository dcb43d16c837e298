package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// An attempt brings one delivery as far as it goes now: left out by a rule, or rendered,
// sent and judged. It is used again for another.
type attempt struct {
	rc      *recipient
	outcome outcome
	message push.Message
	payload []byte
	wait    func() push.Outcome // for the answer
}

// prepare renders the attempt's message. settled says that it has its outcome already.
func (r *run) prepare(a *attempt, rc *recipient, now time.Time) (settled bool) {
	rd := r.letter.reader(rc)
	o := &a.outcome
	a.rc, *o = rc, outcome{rc: rc, at: now, attempts: rc.attempts, locale: rd.locale}
	if r.leaveOut(rc, rd, now, o) {
		return true
	}
	var err error
	if a.payload, err = r.letter.render(a.payload[:0], rc, rd); err == nil {
		a.message = r.message(rc, a.payload)
		err = r.letter.address(&a.message, rc, rd, now)
	}
	if err != nil {
		o.state, o.reason = stateFailed, renderReason(err)
	}
	return err != nil
}

// end waits for the answer and judges it. The error is a *closedError or ctx's; there is
// no outcome then, and the recipient's turn comes again.
func (r *run) end(ctx context.Context, a *attempt) error {
	rc, o := a.rc, &a.outcome
	answer, at := r.lane.home(a.wait, r.now, rc.attempts > 0)
	for n := 0; answer.Lost != nil && n < lossesAtOnce; n++ { // the service is well: another connection takes it at once
		rc.attempts++
		var err error
		if answer, at, err = r.lane.send(ctx, at, r.now, &a.message, true); err != nil {
			return err
		}
	}
	o.at, o.asked, o.attempts = at, rc.attempts+1-o.attempts, rc.attempts+1
	r.judge(answer, o)
	return nil
}

// lossesAtOnce is how often a message that was lost with its connection goes out again at once:
// connections that share the work tend to be cut at the same time.
const lossesAtOnce = 3

// reasonUnsupported is what a delivery to a platform that is only stored comes to.
const reasonUnsupported = "UnsupportedPlatform"

// leaveOut applies the rules that keep a message from going out now: expiry,
// lateness, frequency cap and quiet hours.
func (r *run) leaveOut(rc *recipient, rd *reader, now time.Time, o *outcome) bool {
	d := &r.letter.draft
	switch {
	case !now.Before(r.chunk.ExpiresAt):
		o.state, o.reason = stateExpired, "expired"
	case rc.removed:
		o.state, o.reason = stateSkipped, "installation removed"
	case rc.lapsed:
		o.state, o.reason = stateSkipped, "installation expired"
	case !delivers(r.chunk.Service):
		o.state, o.reason = stateFailed, reasonUnsupported
	case d.SkipAfterMinutes > 0 && now.Sub(r.chunk.DueAt) > time.Duration(d.SkipAfterMinutes)*time.Minute:
		o.state, o.reason = stateSkipped, "too late"
	case r.capped[rc.no]:
		o.state, o.reason = stateCapped, "frequency cap"
	default:
		return r.hush(rc, rd, now, o)
	}
	return true
}

// hush delays the delivery to the end of the recipient's quiet hours, if it is
// not critical; one that would expire by then is said so at once.
func (r *run) hush(rc *recipient, rd *reader, now time.Time, o *outcome) bool {
	if r.letter.draft.Critical {
		return false
	}
	span := r.letter.quiet
	if rc.hasQuiet {
		span = rc.quiet
	}
	end, quiet := span.until(now, rd.zone)
	if !quiet {
		return false
	}
	if !end.Before(r.chunk.ExpiresAt) {
		o.state, o.reason = stateExpired, "quiet hours"
		return true
	}
	o.due, o.reason = end, "quiet hours"
	return true
}

func (r *run) message(rc *recipient, payload []byte) push.Message {
	d := &r.letter.draft
	return push.Message{
		ID:     deliveryID(r.chunk.NotificationNo, rc.no),
		Handle: rc.handle, Payload: payload, Expires: r.chunk.ExpiresAt, Priority: d.Priority,
		Collapse: d.Collapse, Topic: rc.topic, PushType: d.PushType,
	}
}

// judge turns a push service's answer into the delivery's outcome.
func (r *run) judge(a push.Outcome, o *outcome) {
	o.status, o.reason = a.Status, a.Reason
	switch a.Verdict {
	case push.Delivered:
		o.state = stateDelivered
	case push.Gone:
		o.state, o.goneAt = stateGone, o.rc.handleAt
		if !a.Since.IsZero() {
			o.goneAt = a.Since
		}
	case push.Quarantine:
		o.state, o.goneAt = stateQuarantined, o.rc.handleAt
	case push.Failed:
		o.state = stateFailed
	case push.Credential:
		r.condemn(a.Reason)
		o.due = o.at.Add(time.Minute)
	case push.Retry, push.Throttled:
		o.due = o.at.Add(backoff(r.chunk.Service, o.attempts, a.RetryAfter))
		if !o.due.Before(r.chunk.ExpiresAt) {
			o.state = stateExpired
		}
	}
}

// renderReason is the short reason a failed rendering is recorded under.
func renderReason(err error) string {
	if fault.Is(err, fault.TooLarge) {
		return "PayloadTooLarge: " + fault.Message(err)
	}
	return fault.Message(err)
}
