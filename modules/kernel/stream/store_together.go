package stream

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// lockCursors takes those of the cursors that no other reader has, until the transaction ends.
func lockCursors(tx *db.Tx, listener string, partitions []int16) (map[int16]cursor, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `
		SELECT partition, xid, id, failures, pg_snapshot_xmin(pg_current_snapshot())
		FROM stream.cursor WHERE listener = $1 AND partition = ANY($2) ORDER BY partition FOR UPDATE SKIP LOCKED`, listener, partitions)
	if err != nil {
		return nil, db.Classify("stream.lock", err)
	}
	c := cursor{listener: listener}
	all := map[int16]cursor{}
	_, err = pgx.ForEachRow(rows, []any{&c.partition, &c.xid, &c.id, &c.failures, &c.horizon}, func() error { all[c.partition] = c; return nil })
	return all, db.Classify("stream.lock", err)
}

// readShared gives the next facts of each locked partition, at most each, below the horizon;
// a partition's are in their order.
func readShared(tx *db.Tx, locked map[int16]cursor, types []string, each int) ([]Fact, error) {
	var partitions []int16
	var xids, horizons []uint64
	var ids []int64
	for _, p := range slices.Sorted(maps.Keys(locked)) {
		c := locked[p]
		partitions, xids, ids, horizons = append(partitions, p), append(xids, c.xid), append(ids, c.id), append(horizons, c.horizon)
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `
		SELECT l.* FROM unnest($1::smallint[], $2::xid8[], $3::bigint[], $4::xid8[]) WITH ORDINALITY AS c(partition, xid, id, horizon, place)
		CROSS JOIN LATERAL (SELECT `+factColumns+` FROM stream.log l
			WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id) AND l.xid < c.horizon
				AND (cardinality($5::text[]) = 0 OR l.type = ANY($5))
			ORDER BY l.xid, l.id LIMIT $6) l
		ORDER BY c.place, l.xid, l.id`, partitions, xids, ids, horizons, orEmpty(types), each)
	if err != nil {
		return nil, db.Classify("stream.read", err)
	}
	facts, err := pgx.CollectRows(rows, scanFact)
	return facts, db.Classify("stream.read", err)
}

// moveCursors sets locked cursors to new positions.
func moveCursors(tx *db.Tx, locked map[int16]cursor, to map[int16]position) error {
	var listener string
	var partitions []int16
	var xids []uint64
	var ids []int64
	for p, at := range to {
		listener = locked[p].listener
		partitions, xids, ids = append(partitions, p), append(xids, at.xid), append(ids, at.id)
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `
		UPDATE stream.cursor c SET xid = w.xid, id = w.id, failures = 0, moved_at = $5
		FROM unnest($2::smallint[], $3::xid8[], $4::bigint[]) AS w(partition, xid, id)
		WHERE c.listener = $1 AND c.partition = w.partition`, listener, partitions, xids, ids, tx.Now())
	return db.Classify("stream.move", err)
}
