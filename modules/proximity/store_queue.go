package proximity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/queueing"
)

// lockQueue makes sure of a queue's row and locks it; last is the zero time before its
// first minute.
func lockQueue(tx *db.Tx, event, stall id.ID) (m queueMemory, since *time.Time, last time.Time, err error) {
	const op = "proximity.lockQueue"
	_, err = tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.queue (event, stall, at, memory) VALUES ($1, $2, '-infinity', '{}') ON CONFLICT DO NOTHING`, event, stall)
	if err != nil {
		return m, nil, last, db.Classify(op, err)
	}
	var memory []byte
	var at *time.Time
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT memory, long_since, nullif(at, '-infinity') FROM proximity.queue WHERE event = $1 AND stall = $2 FOR UPDATE`, event, stall).Scan(&memory, &since, &at)
	if err == nil {
		err = json.Unmarshal(memory, &m)
	}
	if at != nil {
		last = at.UTC()
	}
	return m, utc(since), last, db.Classify(op, err)
}

// queueMinute gathers what is known of a stall at at: phones in the zone where people
// wait, those that have left it since the minute before, and the till.
func queueMinute(tx *db.Tx, sc *scene, stall *Stall, zone *Zone, last, at time.Time) (m queueing.Minute, err error) {
	const op = "proximity.queueMinute"
	if at.Sub(last) > time.Hour {
		last = at.Add(-time.Hour) // the first minute, or after a long stop
	}
	m = queueing.Minute{At: at, NoTill: len(stall.Tills) == 0, Scanned: sc.visitors()}
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT
		(SELECT count(*) FROM proximity.visit WHERE event = $1 AND zone = $2 AND left_at IS NULL AND entered_at <= $4),
		(SELECT count(*) FROM proximity.device WHERE event = $1),
		(SELECT coalesce(sum(n), 0) FROM proximity.completion WHERE stall = $3 AND at > $4::timestamptz - $5::interval AND at <= $4)
		+ (SELECT count(*) FROM proximity.voucher WHERE event = $1 AND status = 'redeemed' AND redeemed_at > $4::timestamptz - $5::interval AND redeemed_at <= $4
			AND redeemed_by IN (SELECT name FROM proximity.till WHERE stall = $3) AND NOT EXISTS (SELECT FROM proximity.completion c WHERE c.stall = $3 AND c.at > $4::timestamptz - $5::interval))`,
		sc.ID, zone.ID, stall.ID, at, queueing.SalesWindow).Scan(&m.Devices, &m.Seen, &m.Sales)
	if err != nil {
		return m, db.Classify(op, err)
	}
	m.Seen = min(m.Seen, m.Scanned)
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT entered_at, left_at FROM proximity.visit
		WHERE event = $1 AND zone = $2 AND left_at > $3::timestamptz - interval '1 minute' AND left_at <= $4::timestamptz - interval '1 minute' ORDER BY left_at`, sc.ID, zone.ID, last, at)
	if err != nil {
		return m, db.Classify(op, err)
	}
	m.Stays, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (st queueing.Stay, err error) {
		err = r.Scan(&st.Joined, &st.Left)
		st.Joined, st.Left = st.Joined.UTC(), st.Left.UTC()
		return st, err
	})
	return m, db.Classify(op, err)
}

func writeQueue(tx *db.Tx, event id.ID, m queueMemory, q Queue) error {
	memory, err := json.Marshal(m)
	if err != nil {
		return fault.E("proximity.writeQueue", fault.Internal, "cannot write the queue", err)
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE proximity.queue SET at = $3, memory = $4, long_since = $5 WHERE event = $1 AND stall = $2`, event, q.Stall, q.At, memory, q.Long)
	b.Queue(`INSERT INTO proximity.queue_bin (event, stall, at, known, people, low, high, wait, devices, sales) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		event, q.Stall, q.At, q.Known, q.People, q.Low, q.High, q.Wait, q.Devices, q.Sales)
	return db.Classify("proximity.writeQueue", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

const queueColumns = `b.stall, t.name, b.at, b.known, b.people, b.low, b.high, b.wait, b.devices, b.sales, q.long_since`

func queueRows(ctx context.Context, r reader, where string, args ...any) ([]Queue, error) {
	rows, err := r.Query(ctx, `SELECT `+queueColumns+` FROM proximity.queue q JOIN proximity.queue_bin b ON b.event = q.event AND b.stall = q.stall
		JOIN proximity.stall t ON t.id = q.stall WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.queues", err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (q Queue, err error) {
		err = r.Scan(&q.Stall, &q.Name, &q.At, &q.Known, &q.People, &q.Low, &q.High, &q.Wait, &q.Devices, &q.Sales, &q.Long)
		q.At, q.Long = q.At.UTC(), utc(q.Long)
		return q, err
	})
	return all, db.Classify("proximity.queues", err)
}

// latestQueues are the queues of an event as they were last estimated, by stall.
func latestQueues(ctx context.Context, r reader, event id.ID) ([]Queue, error) {
	return queueRows(ctx, r, `q.event = $1 AND b.at = q.at ORDER BY t.name`, event)
}

// Queues are the latest of an event. Errors: fault.NotFound.
func (s *Service) Queues(ctx context.Context, event string) ([]Queue, error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return nil, err
	}
	return latestQueues(ctx, s.db.Pool(), e.ID)
}

// QueueHistory is one queue, minute by minute, from an instant to another.
func (s *Service) QueueHistory(ctx context.Context, event Event, stall id.ID, from, to time.Time) ([]Queue, error) {
	return queueRows(ctx, s.db.Pool(), `q.event = $1 AND q.stall = $2 AND b.at > $3 AND b.at <= $4 ORDER BY b.at`, event.ID, stall, from, to)
}
