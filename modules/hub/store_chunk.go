package hub

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// content is what hub.notification keeps of a send: the draft and the named
// server-side template's bodies as they were when it was accepted.
type content struct {
	Draft  Draft                              `json:"draft"`
	Bodies map[push.Service]map[string]string `json:"bodies,omitempty"`
	Own    map[int64]map[string]any           `json:"own,omitempty"` // of a personal one, by installation number
}

// claimChunk makes owner the only run that may record outcomes of the chunk.
// A chunk that is done or does not exist comes back Finished.
func (s *Service) claimChunk(ctx context.Context, no int64, owner id.ID) (chunk, error) {
	c := chunk{No: no}
	var service, state string
	var targets []byte
	err := s.db.Pool().QueryRow(ctx, `
		UPDATE hub.chunk c SET owner = $2, runs = c.runs + 1, state = 'sending', started_at = coalesce(c.started_at, $3)
		FROM hub.notification n
		WHERE c.no = $1 AND c.state NOT IN ('done', 'cancelled') AND n.no = c.notification_no
		RETURNING n.no, n.id, n.app_id, c.service, c.no_from, c.no_to, c.zones, c.targets, c.due_at, c.runs - 1,
			c.passed_at IS NOT NULL, c.flushes, c.tally, c.causes, n.expires_at, n.created_at, n.state`,
		no, owner, s.db.Now()).Scan(&c.NotificationNo, &c.NotificationID, &c.App, &service, &c.From, &c.To, &c.Zones, &targets,
		&c.DueAt, &c.Runs, &c.Passed, &c.Flushes, &c.Tally, &c.Causes, &c.ExpiresAt, &c.CreatedAt, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		c.Finished = true
		return c, nil
	}
	if err != nil {
		return c, db.Classify("hub.claimChunk", err)
	}
	c.Service, c.Cancelled = push.Service(service), state == "cancelled"
	if targets != nil {
		if err := json.Unmarshal(targets, &c.Targets); err != nil {
			return c, fault.E("hub.claimChunk", fault.Internal, "the chunk's targets do not parse", err)
		}
	}
	return c, nil
}

// letterOf compiles the notification a chunk belongs to, with its app's rules.
func (s *Service) letterOf(ctx context.Context, c *chunk) (*letter, error) {
	var kept content
	err := s.db.Pool().QueryRow(ctx, `SELECT n.content FROM hub.notification n WHERE n.no = $1`, c.NotificationNo).Scan(&kept)
	if err != nil {
		return nil, db.Classify("hub.letterOf", err)
	}
	app, err := s.App(ctx, c.App)
	if err != nil {
		return nil, err
	}
	kept.Draft.own = kept.Own
	return newLetter(app, kept.Draft, kept.Bodies)
}

// postponeChunk gives the chunk up until at, with a job to come back.
func (s *Service) postponeChunk(ctx context.Context, r *run, at time.Time) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		tag, err := tx.Conn().Exec(ctx, `UPDATE hub.chunk SET state = 'pending', owner = NULL WHERE no = $1 AND owner = $2`, r.chunk.No, r.owner)
		if err != nil {
			return db.Classify("hub.postponeChunk", err)
		}
		if tag.RowsAffected() == 0 {
			return errLost
		}
		return tx.Enqueue(deliverJob(r.chunk.Service, r.chunk.No, at))
	})
}

// finishChunk closes a run whose recipients have all been tried. Deliveries that
// wait get a job at the first one's time; without any the chunk is done, and
// with the last chunk the notification. passed is false for a cancelled chunk.
func (s *Service) finishChunk(ctx context.Context, r *run, passed bool) error {
	const op = "hub.finishChunk"
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var due *time.Time
		var waiting int
		if passed {
			err := tx.Conn().QueryRow(ctx, `SELECT min(due_at), count(*) FROM hub.waiting WHERE chunk_no = $1`, r.chunk.No).Scan(&due, &waiting)
			if err != nil {
				return db.Classify(op, err)
			}
		}
		state := "done"
		switch {
		case due != nil:
			state = "waiting"
		case !passed:
			state = "cancelled"
		}
		tag, err := tx.Conn().Exec(ctx, `
			UPDATE hub.chunk SET state = $3, owner = NULL,
				total = CASE WHEN $4 THEN $6 ELSE total END, -- installations may have left since the split
				passed_at = CASE WHEN $4 THEN coalesce(passed_at, $5) END,
				finished_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE $5::timestamptz END
			WHERE no = $1 AND owner = $2`, r.chunk.No, r.owner, state, passed, tx.Now(), r.chunk.Tally.recorded()+waiting)
		if err != nil {
			return db.Classify(op, err)
		}
		if tag.RowsAffected() == 0 {
			return errLost
		}
		if due != nil {
			return tx.Enqueue(deliverJob(r.chunk.Service, r.chunk.No, due.Add(waitingSlack)))
		}
		return s.countDown(ctx, tx, r.chunk.NotificationNo, 1)
	})
}

// waitingSlack gathers deliveries that fall due at nearly the same time into one run.
const waitingSlack = time.Second

// countDown takes n finished chunks off the notification; the last one finishes it.
func (s *Service) countDown(ctx context.Context, tx *db.Tx, notificationNo int64, n int) error {
	const op = "hub.countDown"
	var left int
	f := facts.NotificationFinished{At: tx.Now()}
	err := tx.Conn().QueryRow(ctx, `
		UPDATE hub.notification SET chunks_left = chunks_left - $2,
			state = CASE WHEN chunks_left = $2 AND state = 'sending' THEN 'done' ELSE state END,
			finished_at = CASE WHEN chunks_left = $2 THEN $3::timestamptz ELSE finished_at END
		WHERE no = $1 RETURNING chunks_left, id, app_id, state, audience`, notificationNo, n, tx.Now()).
		Scan(&left, &f.Notification, &f.App, &f.State, &f.Audience)
	if err != nil || left > 0 {
		return db.Classify(op, err)
	}
	return tx.Emit(f)
}
