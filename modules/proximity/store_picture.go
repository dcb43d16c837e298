package proximity

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// claimPicture makes sure that this transaction alone makes the picture of a bin; false:
// there is one.
func claimPicture(tx *db.Tx, event id.ID, product string, bin time.Time) (bool, error) {
	done, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.picture (event, product, bin, data) VALUES ($1, $2, $3, '{}') ON CONFLICT DO NOTHING`, event, product, bin)
	return done.RowsAffected() == 1, db.Classify("proximity.claimPicture", err)
}

func writePicture(tx *db.Tx, event id.ID, product string, bin time.Time, made any) error {
	data, err := json.Marshal(made)
	if err != nil {
		return fault.E("proximity.writePicture", fault.Internal, "cannot write the picture", err)
	}
	_, err = tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.picture SET data = $4 WHERE event = $1 AND product = $2 AND bin = $3`, event, product, bin, data)
	return db.Classify("proximity.writePicture", err)
}

// dayOfBins is the most pictures a request reads: a day and a bit of five minutes.
const dayOfBins = 300

func pictures[T any](ctx context.Context, q reader, event id.ID, product string, from, to time.Time) ([]T, error) {
	return published[T](ctx, q, `SELECT data FROM proximity.picture WHERE event = $1 AND product = $2 AND bin >= $3 AND bin < $4 ORDER BY bin LIMIT $5`, event, product, from, to, dayOfBins)
}

func published[T any](ctx context.Context, q reader, sql string, args ...any) ([]T, error) {
	const op = "proximity.pictures"
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (one T, err error) {
		var data []byte
		if err = r.Scan(&data); err == nil {
			err = json.Unmarshal(data, &one)
		}
		return one, err
	})
	return all, db.Classify(op, err)
}

// lastBin is when the newest picture of an event begins; the zero time when there is none.
func (s *Service) lastBin(ctx context.Context, event id.ID) (time.Time, error) {
	var last *time.Time
	err := s.db.Pool().QueryRow(ctx, `SELECT max(bin) FROM proximity.picture WHERE event = $1 AND product = 'heat'`, event).Scan(&last)
	if err != nil || last == nil {
		return time.Time{}, db.Classify("proximity.lastBin", err)
	}
	return last.UTC(), nil
}

// shareOf is the share of an event's visitors whose phones were seen, in (0, 1]; 1 when
// nobody counts the visitors.
func shareOf(tx *db.Tx, sc *scene) (float64, error) {
	if sc.visitors() == 0 {
		return 1, nil
	}
	var seen int
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*) FROM proximity.device WHERE event = $1`, sc.ID).Scan(&seen)
	return min(1, max(float64(seen), 1)/float64(sc.visitors())), db.Classify("proximity.shareOf", err)
}

func presencesOf(tx *db.Tx, event id.ID, from, to time.Time) ([]heatmap.Presence, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT ref, cell, sum(seconds)::float8 FROM proximity.presence WHERE event = $1 AND minute >= $2 AND minute < $3 GROUP BY 1, 2 ORDER BY 1, 2`, event, from, to)
	if err != nil {
		return nil, db.Classify("proximity.presences", err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p heatmap.Presence, err error) {
		var hash []byte
		var cell int
		err = r.Scan(&hash, &cell, &p.Seconds)
		p.Device, p.Cell = hex.EncodeToString(hash), heatmap.Cell(cell)
		return p, err
	})
	return all, db.Classify("proximity.presences", err)
}

// visitsBetween are the visits of all levels that touch a span, with the names of their zones.
func visitsBetween(tx *db.Tx, sc *scene, from, to time.Time) ([]heatmap.Visit, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT v.ref, z.name, v.entered_at, v.left_at FROM proximity.visit v JOIN proximity.zone z ON z.id = v.zone
		WHERE v.event = $1 AND v.entered_at < $3 AND coalesce(v.left_at, $3) >= $2 ORDER BY v.ref, v.entered_at`, sc.ID, from, to)
	if err != nil {
		return nil, db.Classify("proximity.visitsBetween", err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v heatmap.Visit, err error) {
		var hash []byte
		var left *time.Time
		err = r.Scan(&hash, &v.Zone, &v.Entered, &left)
		v.Device, v.Entered = hex.EncodeToString(hash), v.Entered.UTC()
		if left != nil {
			v.Left = left.UTC()
		}
		return v, err
	})
	return all, db.Classify("proximity.visitsBetween", err)
}

// bareFigures are an event's published pictures without their blocks, in order.
func bareFigures(ctx context.Context, q reader, event id.ID) ([]heatmap.Picture, error) {
	return published[heatmap.Picture](ctx, q, `SELECT data - 'blocks' FROM proximity.picture WHERE event = $1 AND product = 'heat' ORDER BY bin`, event)
}

func allFlows(ctx context.Context, q reader, event id.ID) ([]heatmap.Flow, error) {
	return published[heatmap.Flow](ctx, q, `SELECT data FROM proximity.picture WHERE event = $1 AND product = 'flow' ORDER BY bin`, event)
}

// errandsOf is nil before the event is over.
func errandsOf(ctx context.Context, q reader, event id.ID) (*heatmap.Trades, error) {
	found, err := published[heatmap.Trades](ctx, q, `SELECT data FROM proximity.picture WHERE event = $1 AND product = 'errands'`, event)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// peakQueues are the longest estimates of each stall's queue.
func peakQueues(ctx context.Context, q reader, event id.ID) (map[id.ID]float64, error) {
	rows, err := q.Query(ctx, `SELECT stall, max(people) FROM proximity.queue_bin WHERE event = $1 AND known GROUP BY stall`, event)
	if err != nil {
		return nil, db.Classify("proximity.peakQueues", err)
	}
	peaks := map[id.ID]float64{}
	var stall id.ID
	var people float64
	_, err = pgx.ForEachRow(rows, []any{&stall, &people}, func() error { peaks[stall] = people; return nil })
	return peaks, db.Classify("proximity.peakQueues", err)
}
