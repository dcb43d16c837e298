package proximity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/choice"
)

func activeName(ctx context.Context, q reader) (name string, at time.Time, err error) {
	err = q.QueryRow(ctx, `SELECT name, updated_at FROM proximity.policy WHERE active`).Scan(&name, &at)
	return name, at, db.Classify("proximity.policy", err)
}

func policyState(ctx context.Context, q reader, name string) (state []byte, err error) {
	err = q.QueryRow(ctx, `SELECT state FROM proximity.policy WHERE name = $1`, name).Scan(&state)
	return state, db.Classify("proximity.policy", err)
}

// unlearnt counts the decisions whose reward is known and not learnt from.
func (s *Service) unlearnt(ctx context.Context) (n int, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM proximity.decision WHERE NOT learnt AND reward IS NOT NULL`).Scan(&n)
	return n, db.Classify("proximity.Learn", err)
}

// records are the latest decisions whose reward is known, the newest first.
func (s *Service) records(ctx context.Context, n int) ([]choice.Record, error) {
	return decisionRecords(ctx, s.db.Pool(), `reward IS NOT NULL ORDER BY id DESC LIMIT $1`, n)
}

func decisionRecords(ctx context.Context, q reader, where string, args ...any) ([]choice.Record, error) {
	rows, err := q.Query(ctx, `SELECT context, reward FROM proximity.decision WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.records", err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (rec choice.Record, err error) {
		var data []byte
		var came float64
		if err = r.Scan(&data, &came); err == nil {
			err = json.Unmarshal(data, &rec)
		}
		rec.Bought = came > 0
		if rec.Bought && rec.Intended < len(rec.Options) {
			rec.Reward = rec.Options[rec.Chosen].Value
		}
		return rec, err
	})
	return all, db.Classify("proximity.records", err)
}

// intendedRecords are those in which an offer was chosen, held out or not.
func (s *Service) intendedRecords(ctx context.Context, offer id.ID) ([]choice.Record, error) {
	return decisionRecords(ctx, s.db.Pool(), `chosen = $1 AND reward IS NOT NULL ORDER BY id DESC LIMIT $2`, offer, lately)
}

func writeLearnt(tx *db.Tx, name string, state []byte) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE proximity.policy SET state = $2, updated_at = $3 WHERE name = $1`, name, state, tx.Now())
	b.Queue(`UPDATE proximity.decision SET learnt = true WHERE NOT learnt AND reward IS NOT NULL`)
	return db.Classify("proximity.Learn", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func activate(tx *db.Tx, name string) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE proximity.policy SET active = false WHERE active`)
	b.Queue(`UPDATE proximity.policy SET active = true, state = NULL, updated_at = $2 WHERE name = $1`, name, tx.Now())
	b.Queue(`UPDATE proximity.decision SET learnt = false WHERE id IN (SELECT id FROM proximity.decision WHERE reward IS NOT NULL ORDER BY id DESC LIMIT 1)`)
	return db.Classify("proximity.ChoosePolicy", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
