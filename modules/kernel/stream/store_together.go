package stream

import (
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
