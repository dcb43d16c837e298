package proximity

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// agreedOf finds the consents of these readings' phones. They cannot be withdrawn until
// the transaction ends, so that nothing is written of somebody who has just left.
func agreedOf(tx *db.Tx, all []heard) (map[string]Consent, error) {
	who := map[string]bool{}
	for i := range all {
		who[all[i].installation] = true
	}
	if len(who) == 0 {
		return nil, nil
	}
	found, err := consents(tx.Ctx(), tx.Conn(), `installation = ANY($1) ORDER BY installation FOR KEY SHARE`, slices.Sorted(maps.Keys(who)))
	if err != nil {
		return nil, err
	}
	agreed := make(map[string]Consent, len(found))
	for _, c := range found {
		agreed[c.Installation] = c
	}
	return agreed, nil
}

// inOrder lists the phones by event and pseudonym: the order in which rows are locked.
func inOrder(all map[pseudonym]*device) []*device {
	return slices.SortedFunc(maps.Values(all), func(a, b *device) int {
		return cmp.Or(bytes.Compare(a.event[:], b.event[:]), bytes.Compare(a.ref[:], b.ref[:]))
	})
}

// lockDevices reads the rows of these phones, where there are some, and locks them.
func lockDevices(tx *db.Tx, all map[pseudonym]*device) error {
	const op = "proximity.lockDevices"
	if len(all) == 0 {
		return nil
	}
	events, refs := make([]id.ID, 0, len(all)), make([][]byte, 0, len(all))
	for _, d := range inOrder(all) {
		events, refs = append(events, d.event), append(refs, d.ref[:])
	}
	// LATERAL … OFFSET 0 finds each row by the index, in the order given, whatever the planner
	// believed of the table while it was small.
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT d.event, d.ref, d.seen_at, d.x, d.y, d.offered_at, d.state
		FROM unnest($1::uuid[], $2::bytea[]) AS p (event, ref)
		CROSS JOIN LATERAL (SELECT * FROM proximity.device d WHERE d.event = p.event AND d.ref = p.ref OFFSET 0 FOR UPDATE) d`, events, refs)
	if err != nil {
		return db.Classify(op, err)
	}
	var event id.ID
	var hash, state []byte
	var seen time.Time
	var x, y *float64
	var offered *time.Time
	_, err = pgx.ForEachRow(rows, []any{&event, &hash, &seen, &x, &y, &offered, &state}, func() error {
		d := all[pseudonym{event, ref(hash)}]
		d.seenAt, d.x, d.y, d.offeredAt = seen.UTC(), x, y, utc(offered)
		if known, err := zoning.Decode(state); err == nil {
			d.state = known // else it is of another version: the phone begins anew
		}
		d.whereabouts()
		return nil
	})
	return db.Classify(op, err)
}

func writeDevices(tx *db.Tx, all map[pseudonym]*device) error {
	const op = "proximity.writeDevices"
	if len(all) == 0 {
		return nil
	}
	var t struct {
		event                       []id.ID
		ref, state                  [][]byte
		installation, app           []string
		zone, area                  []*id.ID
		since, seen, due, offeredAt []*time.Time
		x, y                        []*float64
	}
	for _, d := range inOrder(all) {
		state, err := d.state.Encode()
		if err != nil {
			return err
		}
		seen := d.seenAt
		t.event, t.ref, t.state, t.installation, t.app = append(t.event, d.event), append(t.ref, d.ref[:]), append(t.state, state), append(t.installation, d.installation), append(t.app, d.app)
		t.zone, t.area, t.since, t.seen, t.due = append(t.zone, orNull(d.zone)), append(t.area, orNull(d.area)), append(t.since, d.since), append(t.seen, &seen), append(t.due, d.dueAt)
		t.offeredAt, t.x, t.y = append(t.offeredAt, d.offeredAt), append(t.x, d.x), append(t.y, d.y)
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.device (event, ref, installation, app, zone, area, since, seen_at, due_at, x, y, offered_at, state)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
			$10::float8[], $11::float8[], $12::timestamptz[], $13::bytea[])
		ON CONFLICT (event, ref) DO UPDATE SET zone = EXCLUDED.zone, area = EXCLUDED.area, since = EXCLUDED.since, seen_at = EXCLUDED.seen_at, due_at = EXCLUDED.due_at,
			x = EXCLUDED.x, y = EXCLUDED.y, offered_at = EXCLUDED.offered_at, state = EXCLUDED.state`,
		t.event, t.ref, t.installation, t.app, t.zone, t.area, t.since, t.seen, t.due, t.x, t.y, t.offeredAt, t.state)
	return db.Classify(op, err)
}

func orNull(v id.ID) *id.ID {
	if v == id.Nil {
		return nil
	}
	return &v
}

// writeVisits makes visits begin, go on and end. Changes of one visit come in their order;
// the last one that says something wins.
func writeVisits(tx *db.Tx, all []visitChange) error {
	type key struct {
		pseudonym
		zone    id.ID
		entered time.Time
	}
	last := map[key]visitChange{}
	var order []key
	for _, v := range all {
		k := key{v.pseudonym, v.zone, v.entered}
		was, seen := last[k]
		if !seen {
			order = append(order, k)
		}
		v.dwelled = max(v.dwelled, was.dwelled)
		if v.left == nil && !v.reopened {
			v.left = was.left
		}
		v.reopened = v.reopened || was.reopened && v.left == nil
		last[k] = v
	}
	b := &pgx.Batch{}
	for _, k := range order {
		v := last[k]
		b.Queue(`INSERT INTO proximity.visit (event, ref, zone, entered_at, left_at, dwelled, confidence) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (event, ref, zone, entered_at) DO UPDATE SET dwelled = greatest(proximity.visit.dwelled, $6), confidence = $7,
				left_at = CASE WHEN $8 THEN $5 ELSE coalesce($5, proximity.visit.left_at) END`,
			v.event, v.ref[:], v.zone, v.entered, v.left, v.dwelled, v.confidence, v.reopened)
	}
	if b.Len() == 0 {
		return nil
	}
	return db.Classify("proximity.writeVisits", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func addPresence(tx *db.Tx, spent map[spell]float64) error {
	if len(spent) == 0 {
		return nil
	}
	var events []id.ID
	var refs [][]byte
	var minutes []time.Time
	var cells []int32
	var seconds []float32
	for k, s := range spent {
		events, refs, minutes, cells, seconds = append(events, k.event), append(refs, k.ref[:]), append(minutes, k.minute), append(cells, k.cell), append(seconds, float32(s))
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.presence AS p (event, minute, ref, cell, seconds)
		SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bytea[], $4::int[], $5::real[]) AS n (event, minute, ref, cell, seconds) ORDER BY 1, 2, 3, 4
		ON CONFLICT (event, minute, ref, cell) DO UPDATE SET seconds = p.seconds + EXCLUDED.seconds`, events, minutes, refs, cells, seconds)
	return db.Classify("proximity.addPresence", err)
}

// dueDevices locks at most n phones whose exit is due, that nobody else moves just now.
func (s *Service) dueDevices(tx *db.Tx, scenes []*scene, before time.Time, n int) (map[pseudonym]*device, error) {
	const op = "proximity.dueDevices"
	by := map[id.ID]*scene{}
	for _, sc := range scenes {
		by[sc.ID] = sc
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT event, ref, installation, app, seen_at, x, y, offered_at, state FROM proximity.device
		WHERE due_at <= $1 AND event = ANY($3) ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED`, before, n, slices.Collect(maps.Keys(by)))
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all := map[pseudonym]*device{}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) {
		d := &device{state: &zoning.Device{}}
		var hash, state []byte
		err := r.Scan(&d.event, &hash, &d.installation, &d.app, &d.seenAt, &d.x, &d.y, &d.offeredAt, &state)
		if err != nil {
			return struct{}{}, err
		}
		d.ref, d.scene, d.seenAt, d.offeredAt = ref(hash), by[d.event], d.seenAt.UTC(), utc(d.offeredAt)
		if known, err := zoning.Decode(state); err == nil {
			d.state = known
		}
		d.whereabouts()
		all[d.pseudonym] = d
		return struct{}{}, nil
	})
	return all, db.Classify(op, err)
}

// completion is somebody who was served.
type completion struct {
	stall id.ID
	at    time.Time
}

func insertCompletions(tx *db.Tx, all []completion) error {
	if len(all) == 0 {
		return nil
	}
	_, err := tx.Conn().CopyFrom(tx.Ctx(), pgx.Identifier{"proximity", "completion"}, []string{"stall", "at", "n"},
		pgx.CopyFromSlice(len(all), func(i int) ([]any, error) { return []any{all[i].stall, all[i].at, 1}, nil }))
	return db.Classify("proximity.sold", err)
}
