package hub

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
)

// audienceColumns is where a tag expression finds its facts in hub.installation.
var audienceColumns = tagexpr.Columns{Tags: "i.tags", InstallationID: "lower(coalesce(i.parent, i.id))", UserID: "lower(i.user_id)", Members: "hub.segment_member"}

// recipientColumns are read by readRecipient in this order, in these formats.
const recipientColumns = `i.no, i.kind, i.handle, i.p256dh, i.auth, i.topic, i.locale, i.zone, i.currency, i.units,
	i.quiet_from, i.quiet_to, i.attributes, i.templates, i.handle_at, coalesce(i.expires_at <= now(), false), i.status = 'active'`

// recipientFormats: numbers, times and booleans binary, text as it is.
var recipientFormats = pgx.QueryResultFormats{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1}

// recipients loads what the chunk still owes: installations (or targets) without
// an outcome on the first pass, and deliveries that wait and are due.
func (s *Service) recipients(ctx context.Context, r *run) ([]recipient, error) {
	c := &r.chunk
	settled := map[int64]bool{}
	if c.Flushes > 0 {
		if err := s.settled(ctx, c, settled); err != nil {
			return nil, err
		}
	}
	due, err := s.dueWaiting(ctx, c, settled)
	if err != nil {
		return nil, err
	}
	var out []recipient
	if c.Targets != nil {
		return targetRecipients(c, settled, due), nil
	}
	if !c.Passed {
		if out, err = s.rangeRecipients(ctx, r, settled); err != nil {
			return nil, err
		}
	}
	again, err := s.waitingRecipients(ctx, due)
	return append(out, again...), err
}

// settled adds the numbers that have an outcome already.
func (s *Service) settled(ctx context.Context, c *chunk, into map[int64]bool) error {
	if c.Passed {
		return nil // only the waiting are left, and they are kept apart
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT installation_no FROM hub.delivery WHERE chunk_no = $1 AND day >= $2`,
		c.No, c.CreatedAt.UTC().Truncate(24*time.Hour))
	if err != nil {
		return db.Classify("hub.settled", err)
	}
	var no int64
	_, err = pgx.ForEachRow(rows, []any{&no}, func() error { into[no] = true; return nil })
	return db.Classify("hub.settled", err)
}

// dueWaiting returns the attempts made so far by number, for the deliveries that
// are due; all that wait, due or not, are settled as far as the first pass goes.
func (s *Service) dueWaiting(ctx context.Context, c *chunk, settled map[int64]bool) (map[int64]int, error) {
	due := map[int64]int{}
	if c.Flushes == 0 {
		return due, nil
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT installation_no, attempts, due_at FROM hub.waiting WHERE chunk_no = $1`, c.No)
	if err != nil {
		return nil, db.Classify("hub.dueWaiting", err)
	}
	horizon := s.db.Now().Add(waitingSlack)
	var no int64
	var attempts int
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&no, &attempts, &at}, func() error {
		settled[no] = true
		if at.Before(horizon) {
			due[no] = attempts
		}
		return nil
	})
	return due, db.Classify("hub.dueWaiting", err)
}

func targetRecipients(c *chunk, settled map[int64]bool, due map[int64]int) []recipient {
	var out []recipient
	for _, t := range c.Targets {
		no := int64(-1 - t.At)
		attempts, again := due[no]
		if settled[no] && !again {
			continue
		}
		out = append(out, recipient{
			no: no, service: c.Service, locale: t.Locale, zone: t.Zone, attempts: attempts, again: again,
			handle: push.Handle{Kind: t.Kind, Value: t.Handle, P256dh: t.P256dh, Auth: t.Auth},
		})
	}
	return out
}

func (s *Service) rangeRecipients(ctx context.Context, r *run, settled map[int64]bool) ([]recipient, error) {
	c := &r.chunk
	expr, err := tagexpr.Parse(r.letter.draft.Tags)
	if err != nil {
		return nil, err
	}
	where, args := r.letter.draft.audience(expr, 6)
	all := append([]any{recipientFormats, c.App, string(c.Service), c.From, c.To, c.Zones}, args...)
	rows, err := s.db.Pool().Query(ctx, `SELECT `+recipientColumns+` FROM hub.installation i
		WHERE i.app_id = $1 AND i.service = $2 AND i.no BETWEEN $3 AND $4
		AND ($5::text[] IS NULL OR i.zone = ANY($5)) AND `+where, all...)
	if err != nil {
		return nil, db.Classify("hub.rangeRecipients", err)
	}
	out := rosters.take(s.cfg.ChunkSize)
	err = readRecipients(rows, func(rc recipient) {
		if !settled[rc.no] {
			out = append(out, rc)
		}
	})
	return out, err
}

// waitingRecipients loads the due ones as they are now: a new handle is used, a
// deleted or retired installation is marked removed.
func (s *Service) waitingRecipients(ctx context.Context, due map[int64]int) ([]recipient, error) {
	if len(due) == 0 {
		return nil, nil
	}
	nos := make([]int64, 0, len(due))
	for no := range due {
		nos = append(nos, no)
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+recipientColumns+` FROM hub.installation i WHERE i.no = ANY($1)`, recipientFormats, nos)
	if err != nil {
		return nil, db.Classify("hub.waitingRecipients", err)
	}
	var out []recipient
	found := map[int64]bool{}
	err = readRecipients(rows, func(rc recipient) {
		rc.again, rc.attempts = true, due[rc.no]
		found[rc.no] = true
		out = append(out, rc)
	})
	for no, attempts := range due {
		if !found[no] {
			out = append(out, recipient{no: no, again: true, attempts: attempts, removed: true})
		}
	}
	return out, err
}

// readRecipients decodes rows of recipientColumns. It reads the wire's bytes:
// scanning by reflection would cost three times as much a row.
func readRecipients(rows pgx.Rows, each func(recipient)) error {
	defer rows.Close()
	words := map[string]string{} // locales, zones and the like repeat: keep one copy of each
	word := func(b []byte) string {
		if len(b) == 0 {
			return ""
		}
		w, ok := words[string(b)]
		if !ok {
			w = string(b)
			words[w] = w
		}
		return w
	}
	for rows.Next() {
		v := rows.RawValues()
		if len(v) != len(recipientFormats) {
			return fmt.Errorf("recipient has %d columns, want %d", len(v), len(recipientFormats))
		}
		kind := word(v[1])
		rc := recipient{
			no: int64(binary.BigEndian.Uint64(v[0])), service: serviceOfKind(kind),
			handle: push.Handle{Kind: kind, Value: string(v[2]), P256dh: word(v[3]), Auth: string(v[4])},
			topic:  word(v[5]), locale: word(v[6]), zone: word(v[7]), currency: word(v[8]), units: word(v[9]),
			handleAt: pgTime(v[14]), lapsed: v[15][0] == 1, removed: v[16][0] == 0,
		}
		if v[10] != nil && v[11] != nil {
			rc.hasQuiet = true
			rc.quiet = quietSpan{int16(binary.BigEndian.Uint16(v[10])), int16(binary.BigEndian.Uint16(v[11]))}
		}
		if v[12] != nil {
			rc.attributes = append([]byte(nil), v[12]...)
		}
		if v[13] != nil {
			rc.templates = append([]byte(nil), v[13]...)
		}
		each(rc)
	}
	return db.Classify("hub.readRecipients", rows.Err())
}

// pgTime reads PostgreSQL's binary timestamptz: microseconds since 2000-01-01 UTC.
func pgTime(b []byte) time.Time {
	const epoch = 946_684_800_000_000
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + epoch).UTC()
}

// reserve asks the app's frequency cap for every recipient at once, before
// anything is sent, and returns those it leaves out. A repeat of the same run
// finds its reservations made.
func (s *Service) reserve(ctx context.Context, r *run) (map[int64]bool, error) {
	limit := r.letter.app.Cap
	if limit == nil || r.letter.draft.Critical || len(r.recipients) == 0 {
		return nil, nil
	}
	capped := make(map[int64]bool, len(r.recipients))
	nos := make([]int64, 0, len(r.recipients))
	for i := range r.recipients {
		if no := r.recipients[i].no; no > 0 {
			nos = append(nos, no)
			capped[no] = true
		}
	}
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		// Two notifications of one app must not both take a phone's last place.
		if _, err := tx.Conn().Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('hub.frequency ' || $1, 0))`, r.chunk.App); err != nil {
			return db.Classify("hub.reserve", err)
		}
		rows, err := tx.Conn().Query(ctx, `
			WITH free AS (
				SELECT w.no FROM unnest($1::bigint[]) AS w (no)
				WHERE (SELECT count(*) FROM hub.frequency f
					WHERE f.installation_no = w.no AND f.at > $3 AND f.notification_no <> $2) < $4),
			taken AS (
				INSERT INTO hub.frequency (installation_no, notification_no, at)
				SELECT no, $2, $5 FROM free ORDER BY no ON CONFLICT DO NOTHING)
			SELECT no FROM free`,
			nos, r.chunk.NotificationNo, tx.Now().Add(-time.Duration(limit.Hours)*time.Hour), limit.Count, tx.Now())
		if err != nil {
			return db.Classify("hub.reserve", err)
		}
		var no int64
		_, err = pgx.ForEachRow(rows, []any{&no}, func() error { delete(capped, no); return nil })
		return db.Classify("hub.reserve", err)
	})
	return capped, err
}
