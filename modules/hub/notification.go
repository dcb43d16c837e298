package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Notification is what a promoter sent, and how far it is.
type Notification struct {
	ID         id.ID      `json:"id"`
	App        string     `json:"app"`
	State      string     `json:"state"` // scheduled, sending, done, cancelled
	Audience   int64      `json:"audience"`
	Draft      Draft      `json:"draft"`
	SendAt     time.Time  `json:"send_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	CreatedBy  string     `json:"created_by,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`

	no     int64
	bodies map[push.Service]map[string]string
}

// States of a notification.
const (
	stateScheduled = "scheduled"
	stateSending   = "sending"
	stateDone      = "done"
	stateCancelled = "cancelled"
)

// Prepare validates a draft, renders samples of it and evaluates its audience, before
// the transaction that sends it: a request that held one connection and waited for
// another could bring the pool to a standstill. Errors: fault.Invalid naming each field,
// fault.NotFound for an unknown app, fault.TooLarge when a rendered message
// exceeds a push service's limit.
func (s *Service) Prepare(ctx context.Context, d Draft) (Prepared, error) {
	p, err := s.prepare(ctx, d)
	if err != nil {
		return p, err
	}
	if _, err = s.samples(ctx, p); err != nil {
		return p, err
	}
	return p, s.divide(ctx, &p)
}

// Send accepts a prepared notification within tx: it is stored, split into chunks
// and on its way once tx commits; or, when it is for later, kept until its time.
func (s *Service) Send(tx *db.Tx, p Prepared, by string) (Notification, error) {
	return s.sendAs(tx, id.New(), p, by)
}

// sendAs is Send under an id that the caller chose, so that asking twice sends
// once: the second meets fault.Conflict.
func (s *Service) sendAs(tx *db.Tx, as id.ID, p Prepared, by string) (Notification, error) {
	ctx := tx.Ctx()
	n := Notification{
		ID: as, App: p.letter.app.ID, State: stateSending, Draft: p.letter.draft, SendAt: tx.Now(),
		ExpiresAt: *p.letter.draft.ExpiresAt, CreatedBy: by, CreatedAt: tx.Now(), bodies: p.bodies,
	}
	if !p.later.IsZero() {
		n.State, n.SendAt = stateScheduled, p.later
		if err := insertNotification(ctx, tx, &n); err != nil {
			return Notification{}, err
		}
		return n, tx.Enqueue(releaseJob(n.ID, p.later))
	}
	if err := insertNotification(ctx, tx, &n); err != nil {
		return Notification{}, err
	}
	return n, split(ctx, tx, &n, p.waves)
}

// startOf is when the first delivery is due, if that is still to come.
func startOf(d *Draft, now time.Time) (time.Time, bool) {
	at := now
	switch {
	case d.SendAt != nil:
		at = d.SendAt.UTC()
	case d.LocalTime != "":
		wall, err := localInstant(d.LocalTime, time.UTC)
		if err != nil {
			return now, false // validate has refused it
		}
		at = wall.Add(-earliestZone)
	}
	return at, at.After(now)
}

// Prepared is a validated draft with what it needs to be rendered and split.
type Prepared struct {
	letter *letter
	expr   *tagexpr.Expr
	bodies map[push.Service]map[string]string
	later  time.Time // when its audience will be evaluated; zero: it has been
	waves  []wave
}

// prepare validates a draft and compiles it against its app and template.
func (s *Service) prepare(ctx context.Context, d Draft) (Prepared, error) {
	var p Prepared
	app, err := s.appOf(ctx, d.App)
	if err != nil {
		return p, err
	}
	d.App = app
	if err := d.validate(s.db.Now(), s.cfg.Expiry); err != nil {
		return p, err
	}
	stored, err := s.App(ctx, app)
	if err != nil {
		return p, err
	}
	if p.expr, err = tagexpr.Parse(d.Tags); err != nil {
		return p, err
	}
	if d.Template != "" {
		if p.bodies, err = s.templateBodies(ctx, app, d.Template); err != nil {
			return p, err
		}
	}
	p.letter, err = newLetter(stored, d, p.bodies)
	return p, err
}

// release splits a scheduled notification when its time has come. Running it
// again does nothing.
func (s *Service) release(ctx context.Context, notification id.ID) error {
	n, err := s.Notification(ctx, notification)
	if fault.Is(err, fault.NotFound) || err == nil && n.State != stateScheduled {
		return nil
	}
	if err != nil {
		return err
	}
	app, err := s.App(ctx, n.App)
	if err != nil {
		return err
	}
	expr, err := tagexpr.Parse(n.Draft.Tags)
	if err != nil {
		return err
	}
	waves, err := s.evaluate(ctx, &n, expr, app.Zone)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := lockNotification(ctx, tx, notification)
		if err != nil || n.State != stateScheduled {
			return err
		}
		return split(ctx, tx, &n, waves)
	})
}

// Cancel stops a notification: what has not gone out stays unsent. Messages on
// the wire still get their outcome. Errors: fault.NotFound, fault.Conflict when
// it has finished.
func (s *Service) Cancel(ctx context.Context, notification id.ID) (Notification, error) {
	var n Notification
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		var err error
		if n, err = lockNotification(ctx, tx, notification); err != nil {
			return err
		}
		switch n.State {
		case stateCancelled:
			return nil
		case stateDone:
			return fault.E("hub.Cancel", fault.Conflict, "the notification has been sent already", nil)
		}
		n.State = stateCancelled
		return s.cancel(ctx, tx, &n)
	})
	return n, err
}
