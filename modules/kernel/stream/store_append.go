package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
)

// collisions is how often a batch is tried that met another transaction.
const collisions = 4

// midnight is how close to it two appends of facts without a time wait for each
// other: one may take today for a fact which the other writes down as yesterday's.
const midnight = 5 * time.Minute

// Append writes facts from outside to the log, all in one transaction, and tells of
// each whether it is new: one whose Source and SourceID the log holds on the day of
// its Time already, or an earlier one of facts, is a duplicate and is not written.
// A fact without a Time gets the present one, and is a duplicate also when
// yesterday has it. Partition, XID, ID and ReceivedAt of facts are ignored.
//
// Errors: fault.Invalid when PostgreSQL refuses one of facts, such as numbers out of
// its range; nothing is written then.
func (s *Stream) Append(ctx context.Context, facts []Fact) (fresh []bool, err error) {
	const op = "stream.Append"
	write := copyFacts
	for attempt := 1; ; attempt++ {
		err = s.store.db.InTx(ctx, func(tx *db.Tx) (err error) {
			fresh, err = appendFacts(tx, facts, write)
			return err
		})
		pg, refused := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil || !refused:
			return fresh, db.Classify(op, err)
		case (pg.Code == "23505" || pg.Code[:2] == "40") && attempt < collisions:
			// Another transaction has just written the same. COPY cannot step over it.
			write = insertFacts
		default:
			return nil, db.Classify(op, err)
		}
	}
}

// outside is a fact on its way in.
type outside struct {
	*Fact
	day  civil // of its time
	late bool  // it came without a time, so yesterday counts too
	no   int   // its place in the caller's list
}

// appendFacts looks for what the log has, and lets write have the others.
func appendFacts(tx *db.Tx, facts []Fact, write func(*db.Tx, []outside, []bool) error) ([]bool, error) {
	all, yesterday := prepare(tx.Now(), facts)
	if yesterday {
		if err := aloneAtMidnight(tx); err != nil {
			return nil, err
		}
	}
	fresh := make([]bool, len(facts))
	for i := range all {
		fresh[all[i].no] = true
	}
	if err := findKnown(tx, all, fresh); err != nil {
		return nil, err
	}
	unknown := all[:0]
	for _, f := range all {
		if fresh[f.no] {
			unknown = append(unknown, f)
		}
	}
	if len(unknown) == 0 {
		return fresh, nil
	}
	if err := write(tx, unknown, fresh); err != nil {
		return nil, err
	}
	for _, f := range unknown {
		tx.Announce(db.News{Partition: f.Partition, Type: f.Type})
	}
	return fresh, nil
}

// prepare fills in what facts lack and leaves out repetitions within them.
// yesterday tells that some came without a time.
func prepare(now time.Time, facts []Fact) (all []outside, yesterday bool) {
	type name struct {
		day        civil
		source, id string
	}
	seen := make(map[name]bool, len(facts))
	all = make([]outside, 0, len(facts))
	for i := range facts {
		f := facts[i]
		late := f.Time.IsZero()
		if late {
			f.Time, yesterday = now, true
		}
		f.ReceivedAt, f.Partition = now, db.PartitionOf(f.Key)
		day := civilOf(f.Time)
		n := name{day, f.Source, f.SourceID}
		if seen[n] || late && seen[name{day - 1, f.Source, f.SourceID}] {
			continue
		}
		seen[n] = true
		all = append(all, outside{Fact: &f, day: day, late: late, no: i})
	}
	return all, yesterday
}

// aloneAtMidnight makes appends of facts without a time take turns around it.
func aloneAtMidnight(tx *db.Tx) error {
	now := tx.Now()
	if civilOf(now.Add(midnight)) == civilOf(now.Add(-midnight)) {
		return nil
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `SELECT pg_advisory_xact_lock(hashtext('usher.stream.midnight'))`)
	return err
}

// findKnown clears fresh of the facts the log has. It asks day by day, so that
// PostgreSQL plans for one partition. LATERAL … OFFSET 0 is one probe of the unique
// index a fact, whatever the planner believes of a table that was empty a minute ago.
func findKnown(tx *db.Tx, all []outside, fresh []bool) error {
	type list struct {
		nos         []int32
		sources, id []string
	}
	days := map[civil]*list{}
	add := func(day civil, f outside) {
		l := days[day]
		if l == nil {
			l = &list{}
			days[day] = l
		}
		l.nos, l.sources, l.id = append(l.nos, int32(f.no)), append(l.sources, f.Source), append(l.id, f.SourceID)
	}
	for _, f := range all {
		add(f.day, f)
		if f.late {
			add(f.day-1, f)
			if tomorrow := civilOf(f.Time.Add(midnight)); tomorrow != f.day {
				add(tomorrow, f) // whoever took a later time may have gone first
			}
		}
	}
	for day, l := range days {
		// The day stands in the text for the planner; it is a number of ours.
		rows, err := tx.Conn().Query(tx.Ctx(), fmt.Sprintf(`
			SELECT n.no FROM unnest($1::int[], $2::text[], $3::text[]) AS n(no, source, id)
			CROSS JOIN LATERAL (SELECT FROM stream.log l
				WHERE l.day = '%s' AND l.source = n.source AND l.source_id = n.id OFFSET 0) known`, day),
			l.nos, l.sources, l.id)
		if err != nil {
			return err
		}
		var no int32
		if _, err = pgx.ForEachRow(rows, []any{&no}, func() error { fresh[no] = false; return nil }); err != nil {
			return err
		}
	}
	return nil
}

// insertFacts writes what nobody else has written by now, and clears fresh of the rest.
func insertFacts(tx *db.Tx, facts []outside, fresh []bool) error {
	b := &pgx.Batch{}
	for _, f := range facts {
		b.Queue(`INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
			VALUES (($5::timestamptz AT TIME ZONE 'UTC')::date, $1, $2, $3, $4, $7, $5, $6, $8) ON CONFLICT (day, source, source_id) DO NOTHING`,
			f.Partition, f.Type, f.Key, f.Source, f.Time, f.ReceivedAt, f.SourceID, f.Data).
			Exec(func(tag pgconn.CommandTag) error { fresh[f.no] = tag.RowsAffected() == 1; return nil })
	}
	return tx.Conn().SendBatch(tx.Ctx(), b).Close()
}
