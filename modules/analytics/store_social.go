package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// pollState is a row of analytics.social_poll.
type pollState struct {
	PolledAt       *time.Time
	Posts          int64
	LastPosts      int
	Failures       int
	Error          string
	ETag, Modified string
	Newest         string
}

// pollState is what is known of a connector; nothing for one that was never polled.
func (s *Service) pollState(ctx context.Context, connector string) (p pollState, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT polled_at, posts, last_posts, failures, error, etag, modified, newest
		FROM analytics.social_poll WHERE connector = $1`, connector).
		Scan(&p.PolledAt, &p.Posts, &p.LastPosts, &p.Failures, &p.Error, &p.ETag, &p.Modified, &p.Newest)
	if errors.Is(err, pgx.ErrNoRows) {
		return pollState{}, nil
	}
	if p.PolledAt != nil {
		*p.PolledAt = p.PolledAt.UTC()
	}
	return p, db.Classify("analytics.pollState", err)
}

// takeTurn reports whether a connector's time has come, and sets its next.
func takeTurn(tx *db.Tx, connector string, every time.Duration) (due bool, err error) {
	tag, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.social_poll AS p (connector, next_at) VALUES ($1, $3)
		ON CONFLICT (connector) DO UPDATE SET next_at = excluded.next_at WHERE p.next_at <= $2`, connector, tx.Now(), tx.Now().Add(every))
	return tag.RowsAffected() == 1, db.Classify("analytics.takeTurn", err)
}

// notePolled notes a poll that went well.
func (s *Service) notePolled(ctx context.Context, c Connector, p pollState) error {
	now := s.db.Now()
	_, err := s.db.Pool().Exec(ctx, `INSERT INTO analytics.social_poll AS p (connector, next_at, polled_at, posts, last_posts, etag, modified, newest)
		VALUES ($1, $2, $3, $4::integer, $4::integer, $5, $6, $7)
		ON CONFLICT (connector) DO UPDATE SET polled_at = excluded.polled_at, posts = p.posts + excluded.posts, last_posts = excluded.last_posts,
			failures = 0, error = '', etag = excluded.etag, modified = excluded.modified, newest = excluded.newest`,
		c.Name, now.Add(c.every()), now, p.LastPosts, p.ETag, p.Modified, p.Newest)
	return db.Classify("analytics.notePolled", err)
}

// notePollFailed notes a poll that failed, and when to try again: after wait, or
// each time later, up to an hour.
func (s *Service) notePollFailed(ctx context.Context, c Connector, why string, wait time.Duration) error {
	now := s.db.Now()
	_, err := s.db.Pool().Exec(ctx, `INSERT INTO analytics.social_poll AS p (connector, next_at, failures, error) VALUES ($1, $2::timestamptz + greatest($3, $4)::interval, 1, $5)
		ON CONFLICT (connector) DO UPDATE SET failures = p.failures + 1, error = excluded.error,
			next_at = $2::timestamptz + greatest($3::interval, least($4::interval * power(2, least(p.failures, 10)), interval '1 hour'))`,
		c.Name, now, wait, c.every(), why)
	return db.Classify("analytics.notePollFailed", err)
}
