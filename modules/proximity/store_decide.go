package proximity

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// queuesByStall are an event's latest queues by the stall's name; one that has not been
// estimated for five minutes is not known.
func queuesByStall(tx *db.Tx, sc *scene) (map[string]Queue, error) {
	all, err := latestQueues(tx.Ctx(), tx.Conn(), sc.ID)
	if err != nil {
		return nil, err
	}
	by := make(map[string]Queue, len(all))
	for _, q := range all {
		if tx.Now().Sub(q.At) <= queueFor {
			by[q.Name] = q
		}
	}
	return by, nil
}

// history is what a person did with vouchers before.
type history struct{ redeemed, lapsed int }

func pastOf(tx *db.Tx, event id.ID, all []*candidate) (map[string]history, error) {
	who := make([]string, len(all))
	for i, c := range all {
		who[i] = c.device.installation
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT installation, count(*) FILTER (WHERE status = 'redeemed'), count(*) FILTER (WHERE status = 'expired')
		FROM proximity.voucher WHERE installation = ANY($1) AND event = $2 GROUP BY 1`, who, event)
	if err != nil {
		return nil, db.Classify("proximity.pastOf", err)
	}
	past := map[string]history{}
	var installation string
	var h history
	_, err = pgx.ForEachRow(rows, []any{&installation, &h.redeemed, &h.lapsed}, func() error { past[installation] = h; return nil })
	return past, db.Classify("proximity.pastOf", err)
}

func insertDecisions(tx *db.Tx, event id.ID, all []decision) error {
	if len(all) == 0 {
		return nil
	}
	_, err := tx.Conn().CopyFrom(tx.Ctx(), pgx.Identifier{"proximity", "decision"},
		[]string{"id", "event", "ref", "at", "policy", "offers", "context", "chosen", "propensity", "holdout", "voucher", "due_at"},
		pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
			d := all[i]
			record, err := json.Marshal(d.Record)
			return []any{d.ID, event, d.ref[:], tx.Now(), d.Record.Policy, d.Offers, record, d.Chosen, d.Record.Propensity, d.Holdout, d.Voucher, d.DueAt}, err
		}))
	return db.Classify("proximity.decide", err)
}
