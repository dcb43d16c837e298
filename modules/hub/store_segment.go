package hub

import (
	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// replaceSegments writes rows of segment and person in place of all there are.
func replaceSegments(tx *db.Tx, rows [][]any) error {
	const op = "hub.SetSegments"
	if _, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM hub.segment_member`); err != nil {
		return db.Classify(op, err)
	}
	_, err := tx.Conn().CopyFrom(tx.Ctx(), pgx.Identifier{"hub", "segment_member"}, []string{"segment", "person"}, pgx.CopyFromRows(rows))
	return db.Classify(op, err)
}
