package hub

import (
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A wave is the part of an audience that is due at one instant.
type wave struct {
	due   time.Time // zero: at once
	zones []string  // nil: any
	spans []span
}

// span is what one chunk is to hold: the installations of a push service whose numbers
// lie in a range.
type span struct {
	service  push.Service
	from, to int64
	total    int
}

// turnstile lets few audiences be evaluated at once. Each may take seconds, of a million
// installations, and keeps a connection as long: the other connections are for what is
// being sent.
type turnstile chan struct{}

// newTurnstile leaves three quarters of a pool to others.
func newTurnstile(d *db.DB) turnstile {
	return make(turnstile, max(d.Pool().Config().MaxConns/4, 1))
}

// enter waits for its turn, which must be left again. Hold no connection meanwhile.
// Errors: fault.Transient.
func (t turnstile) enter(ctx context.Context) (leave func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, fault.E("hub.audience", fault.Transient, "too many audiences are being evaluated", ctx.Err())
	}
}

// divide evaluates the audience of a draft that goes out now.
func (s *Service) divide(ctx context.Context, p *Prepared) (err error) {
	n := Notification{App: p.letter.app.ID, Draft: p.letter.draft}
	if at, later := startOf(&n.Draft, s.db.Now()); later {
		p.later = at
		return nil
	}
	p.waves, err = s.evaluate(ctx, &n, p.expr, p.letter.app.Zone)
	return err
}

// evaluate finds out who gets a notification, and cuts them into spans. With
// recipient-local time every group of zones has a wave of its own; appZone is that of
// installations that state none. It needs no transaction, and must not have one that has
// written: readers of the stream would wait for it.
func (s *Service) evaluate(ctx context.Context, n *Notification, expr *tagexpr.Expr, appZone string) ([]wave, error) {
	if n.Draft.Targets != nil { // there is nothing to look for
		return n.Draft.waves(n.Draft.targetZones(), appZone)
	}
	if n.Draft.own == nil { // else they are known by number, and do not wait for those who are not
		leave, err := s.audiences.enter(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	var zones []string
	var err error
	if n.Draft.LocalTime != "" {
		if zones, err = s.zonesInUse(ctx, n); err != nil {
			return nil, err
		}
	}
	waves, err := n.Draft.waves(zones, appZone)
	if err != nil {
		return nil, err
	}
	for i := range waves {
		if waves[i].spans, err = s.spans(ctx, n, expr, waves[i].zones); err != nil {
			return nil, err
		}
	}
	return waves, nil
}

// waves groups time zones by the instant at which their clocks show the draft's local
// time; without one there is a single wave, now.
func (d *Draft) waves(zones []string, appZone string) ([]wave, error) {
	if d.LocalTime == "" {
		return []wave{{}}, nil
	}
	var out []wave
	at := map[time.Time]int{}
	for _, name := range zones {
		due, err := localInstant(d.LocalTime, zoneOf(orElse(name, appZone)))
		if err != nil {
			return nil, err
		}
		i, ok := at[due]
		if !ok {
			i = len(out)
			at[due] = i
			out = append(out, wave{due: due})
		}
		out[i].zones = append(out[i].zones, name)
	}
	return out, nil
}

// targetZones are the time zones that a direct send's targets state, "" among them.
func (d *Draft) targetZones() []string {
	var out []string
	for _, t := range d.Targets {
		if !slices.Contains(out, t.Zone) {
			out = append(out, t.Zone)
		}
	}
	return out
}

// split makes the notification's chunks, with a job each.
func split(ctx context.Context, tx *db.Tx, n *Notification, waves []wave) error {
	insert := insertChunks
	if n.Draft.Targets != nil {
		insert = insertTargetChunks
	}
	var jobs []db.Job
	for _, w := range waves {
		if w.due.IsZero() {
			w.due = tx.Now()
		}
		made, err := insert(ctx, tx, n, w)
		if err != nil {
			return err
		}
		for _, c := range made {
			jobs = append(jobs, deliverJob(c.service, c.no, w.due))
			n.Audience += int64(c.total)
		}
	}
	if err := startNotification(ctx, tx, n, len(jobs)); err != nil || len(jobs) == 0 {
		return err
	}
	return tx.Enqueue(jobs...)
}
