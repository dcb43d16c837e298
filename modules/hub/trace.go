package hub

import (
	"fmt"
	"time"
)

// traced is what the database knows of one notification and one installation.
type traced struct {
	no        int64
	service   string
	zone      string
	status    string
	statusAt  *time.Time
	reason    string // of the status
	createdAt time.Time
	inNow     bool // the tag expression matches the installation as it is now
	fits      bool // it has a row of the kind that the notification goes to

	chunk     int64 // 0: none of the chunks covers it
	chunkIs   string
	dueAt     time.Time
	delivery  *Delivery
	waitingTo *time.Time
	waitingBy string // why it waits
	attempts  int
}

// explain writes the trace's steps, from the audience to the outcome.
func (f *traced) explain(t *Trace, n *Notification) {
	add := func(ok bool, at *time.Time, what string, args ...any) {
		t.Steps = append(t.Steps, Step{At: at, What: fmt.Sprintf(what, args...), OK: ok})
	}
	add(true, &n.CreatedAt, "the notification was accepted")
	if n.StartedAt == nil {
		add(n.State == stateScheduled, nil, "it is %s; its audience is decided at %s", n.State, n.SendAt.Format(time.RFC3339))
		t.Outcome = "pending"
		return
	}
	add(true, n.StartedAt, "its audience was decided: %d installations", n.Audience)
	f.explainAudience(add, n)
	switch {
	case f.delivery != nil:
		d := f.delivery
		add(d.State == stateDelivered, &d.At, "%s after %d %s%s", d.State, d.Attempts, plural(d.Attempts, "attempt", "attempts"), answered(d.Status, d.Reason))
		t.Outcome = d.State
	case f.waitingTo != nil:
		add(false, f.waitingTo, "it waits for its next try: %s, after %d %s", f.waitingBy, f.attempts, plural(f.attempts, "attempt", "attempts"))
		t.Outcome = "waiting"
	case f.fits && f.chunk != 0 && f.chunkIs != "done" && f.chunkIs != "cancelled":
		add(true, &f.dueAt, "its part of the notification is %s", f.chunkIs)
		t.Outcome = "pending"
	case f.chunkIs == "cancelled":
		add(false, n.FinishedAt, "the notification was cancelled before its turn")
		t.Outcome = stateCancelled
	default:
		t.Outcome = "not in the audience"
	}
}

// misfit says why an installation has no row that the draft goes to.
func (d *Draft) misfit() string {
	switch {
	case d.ownTemplates():
		return "it has no template of its own, and only those are rendered"
	case d.Reach == EachNative:
		return "it takes no native messages, only what its template renders"
	}
	return "another registration of the same phone stands for it"
}

func (f *traced) explainAudience(add func(bool, *time.Time, string, ...any), n *Notification) {
	if f.createdAt.After(*n.StartedAt) {
		add(false, &f.createdAt, "the installation was registered only afterwards")
	}
	if f.status != "active" {
		add(false, f.statusAt, "the installation is %s (%s)", f.status, f.reason)
	}
	if !f.fits {
		add(false, nil, "%s", n.Draft.misfit())
	}
	expr := n.Draft.Tags
	if expr == "" {
		return
	}
	if f.inNow {
		add(true, nil, "its tags match %q", expr)
	} else {
		add(false, nil, "its tags, as they are now, do not match %q", expr)
	}
}

func answered(status int, reason string) string {
	switch {
	case status != 0 && reason != "":
		return fmt.Sprintf("; the push service answered %d %s", status, reason)
	case status != 0:
		return fmt.Sprintf("; the push service answered %d", status)
	case reason != "":
		return ": " + reason
	}
	return ""
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
