package hub

import (
	"context"
	"errors"
	"maps"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
)

// record writes a batch of outcomes and what follows from them in one
// transaction, fenced by the chunk's owner and flush number. It says whether the
// notification has been cancelled meanwhile. Errors: errLost, fault.Transient.
func (s *Service) record(ctx context.Context, r *run, batch []outcome) (cancelled bool, err error) {
	next, why := maps.Clone(r.chunk.Tally), maps.Clone(r.chunk.Causes)
	if next == nil {
		next = tally{}
	}
	if why == nil {
		why = causes{}
	}
	b := sortBatch(batch, next, why)
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		cancelled, err = fence(ctx, tx, r, next, why, b.requests)
		if err != nil {
			return err
		}
		if err := copyOutcomes(ctx, tx, r, b.final); err != nil {
			return err
		}
		if err := keepWaiting(ctx, tx, r, b); err != nil {
			return err
		}
		return retire(ctx, tx, r, b.dead)
	})
	if errors.Is(err, errRecorded) {
		err = nil
	}
	if err == nil {
		r.chunk.Tally, r.chunk.Causes, r.chunk.Flushes = next, why, r.chunk.Flushes+1
	}
	return cancelled, err
}

// sorted is a batch of outcomes by what has to be written.
type sorted struct {
	final    []*outcome
	waiting  []*outcome
	settled  []int64 // numbers that leave hub.waiting
	dead     []*outcome
	requests int
}

func sortBatch(batch []outcome, t tally, why causes) sorted {
	var b sorted
	for i := range batch {
		o := &batch[i]
		b.requests += o.asked
		if o.state == "" {
			b.waiting = append(b.waiting, o)
			continue
		}
		t.add(o.state, o.locale, o.attempts)
		why.add(o.state, o.reason)
		b.final = append(b.final, o)
		if o.rc.again {
			b.settled = append(b.settled, o.rc.no)
		}
		if (o.state == stateGone || o.state == stateQuarantined) && o.rc.no > 0 {
			b.dead = append(b.dead, o)
		}
	}
	return b
}

// errRecorded says that an earlier try committed although its answer was lost.
var errRecorded = errors.New("the batch is recorded already")

// fence updates the chunk if this run still owns it and this batch is new.
func fence(ctx context.Context, tx *db.Tx, r *run, t tally, why causes, requests int) (cancelled bool, err error) {
	c := &r.chunk
	err = tx.Conn().QueryRow(ctx, `
		UPDATE hub.chunk c SET tally = $4, causes = $6, flushes = c.flushes + 1, attempts = c.attempts + $5
		FROM hub.notification n
		WHERE c.no = $1 AND c.owner = $2 AND c.flushes = $3 AND n.no = c.notification_no
		RETURNING n.state = 'cancelled'`, c.No, r.owner, c.Flushes, t, requests, why).Scan(&cancelled)
	if !errors.Is(err, pgx.ErrNoRows) {
		return cancelled, db.Classify("hub.fence", err)
	}
	var ours bool
	err = tx.Conn().QueryRow(ctx, `SELECT owner = $2 AND flushes = $3 + 1 FROM hub.chunk WHERE no = $1`, c.No, r.owner, c.Flushes).Scan(&ours)
	switch {
	case err == nil && ours:
		return false, errRecorded
	case err == nil || errors.Is(err, pgx.ErrNoRows):
		return false, errLost
	}
	return false, db.Classify("hub.fence", err)
}

// likeness is what outcomes of one row have in common.
type likeness struct {
	status, attempts int16
	state, reason    string
}

// alike are the outcomes of one row: whose, and when each was known.
type alike struct {
	nos []int64
	ats []time.Time
}

// sortAlike puts outcomes together that differ only in whose they are and when.
func sortAlike(final []*outcome) map[likeness]*alike {
	rows := map[likeness]*alike{}
	var last likeness
	var row *alike
	for _, o := range final {
		l := likeness{int16(o.status), int16(o.attempts), o.state, o.reason}
		if row == nil || l != last {
			if row = rows[l]; row == nil {
				row = &alike{}
				rows[l] = row
			}
			last = l
		}
		row.nos, row.ats = append(row.nos, o.rc.no), append(row.ats, o.at)
	}
	return rows
}

var outcomeColumns = []string{"day", "chunk_no", "notification_no", "status", "attempts", "state", "reason", "installation_nos", "ats"}

func copyOutcomes(ctx context.Context, tx *db.Tx, r *run, final []*outcome) error {
	if len(final) == 0 {
		return nil
	}
	day := tx.Now().Truncate(24 * time.Hour)
	var rows [][]any
	for l, a := range sortAlike(final) {
		rows = append(rows, []any{day, r.chunk.No, r.chunk.NotificationNo, l.status, l.attempts, l.state, l.reason, a.nos, a.ats})
	}
	_, err := tx.Conn().CopyFrom(ctx, pgx.Identifier{"hub", "outcome"}, outcomeColumns, pgx.CopyFromRows(rows))
	return db.Classify("hub.copyOutcomes", err)
}

// keepWaiting moves deliveries into and out of hub.waiting.
func keepWaiting(ctx context.Context, tx *db.Tx, r *run, b sorted) error {
	const op = "hub.keepWaiting"
	if len(b.settled) > 0 {
		_, err := tx.Conn().Exec(ctx, `DELETE FROM hub.waiting WHERE chunk_no = $1 AND installation_no = ANY($2)`, r.chunk.No, b.settled)
		if err != nil {
			return db.Classify(op, err)
		}
	}
	if len(b.waiting) == 0 {
		return nil
	}
	n := len(b.waiting)
	nos, attempts, due, reasons := make([]int64, n), make([]int16, n), make([]time.Time, n), make([]string, n)
	for i, o := range b.waiting {
		nos[i], attempts[i], due[i], reasons[i] = o.rc.no, int16(min(o.attempts, 30_000)), o.due, o.reason
	}
	_, err := tx.Conn().Exec(ctx, `
		INSERT INTO hub.waiting (chunk_no, installation_no, attempts, due_at, reason)
		SELECT $1, * FROM unnest($2::bigint[], $3::smallint[], $4::timestamptz[], $5::text[])
		ON CONFLICT (chunk_no, installation_no) DO UPDATE
		SET attempts = excluded.attempts, due_at = excluded.due_at, reason = excluded.reason`,
		r.chunk.No, nos, attempts, due, reasons)
	return db.Classify(op, err)
}

// retire takes dead handles out of every later audience, unless they are newer than what the push service spoke of.
func retire(ctx context.Context, tx *db.Tx, r *run, dead []*outcome) error {
	if len(dead) == 0 {
		return nil
	}
	sort.Slice(dead, func(i, j int) bool { return dead[i].rc.no < dead[j].rc.no }) // rows are locked in key order
	n := len(dead)
	nos, until, states, reasons := make([]int64, n), make([]time.Time, n), make([]string, n), make([]string, n)
	for i, o := range dead {
		nos[i], until[i], reasons[i], states[i] = o.rc.no, o.goneAt, o.reason, "retired"
		if o.state == stateQuarantined {
			states[i] = "quarantined"
		}
	}
	var phones int
	err := tx.Conn().QueryRow(ctx, retireSQL, nos, until, states, reasons, tx.Now()).Scan(&phones)
	if err != nil || phones == 0 {
		return db.Classify("hub.retire", err)
	}
	return tx.Emit(facts.InstallationsRetired{App: r.chunk.App, Service: string(r.chunk.Service), Count: phones})
}

// retireSQL sets aside the dead rows and every other row of their handles: what a push
// service says, it says of the handle. It counts the main rows, so each phone once.
const retireSQL = `WITH h AS MATERIALIZED (
	SELECT i.app_id, i.kind, i.handle, d.until, d.state, d.reason FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[]) AS d (no, until, state, reason)
	CROSS JOIN LATERAL (SELECT i.app_id, i.kind, i.handle FROM hub.installation i WHERE i.no = d.no AND i.handle_at <= d.until AND i.status = 'active' OFFSET 0) i
), dead AS MATERIALIZED (
	SELECT i.no, f.state, f.reason FROM (SELECT i.no, h.until, h.state, h.reason FROM h CROSS JOIN LATERAL ` + ofHandleSQL + ` i) f
	JOIN hub.installation i ON i.no = f.no WHERE i.handle_at <= f.until AND i.status = 'active' ORDER BY i.no FOR UPDATE OF i
), retired AS (
	UPDATE hub.installation i SET status = dead.state, status_reason = dead.reason, status_at = $5, updated_at = $5, version = version + 1
	FROM dead WHERE i.no = dead.no RETURNING i.main
) SELECT count(*) FILTER (WHERE main) FROM retired`
