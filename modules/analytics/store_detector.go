package analytics

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/detect"
	"github.com/usherhq/usher/modules/kernel/db"
)

// startDetectors reads how far each detector has judged, and holds that until the
// transaction ends: a bin cannot be judged while something is put into it. A
// detector seen for the first time begins with the bin of first, when its first
// fact arrived. One whose bins have another width than its row is left out until
// Judge has begun it anew.
func startDetectors(tx *db.Tx, all []watched, first time.Time) (map[string]time.Time, error) {
	judged, known, err := heldDetectors(tx, all)
	if err != nil || known == len(all) {
		return judged, err
	}
	for _, w := range all {
		_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.detector (name, judged_to, bin) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			w.Name, first.Truncate(w.Bin), w.Bin)
		if err != nil {
			return nil, db.Classify("analytics.startDetectors", err)
		}
	}
	judged, _, err = heldDetectors(tx, all)
	return judged, err
}

func heldDetectors(tx *db.Tx, all []watched) (judged map[string]time.Time, known int, err error) {
	const op = "analytics.heldDetectors"
	width := map[string]time.Duration{}
	for _, w := range all {
		width[w.Name] = w.Bin
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT name, judged_to, bin FROM analytics.detector WHERE name = ANY($1) ORDER BY name FOR SHARE`,
		slices.Sorted(maps.Keys(width)))
	if err != nil {
		return nil, 0, db.Classify(op, err)
	}
	judged = map[string]time.Time{}
	var name string
	var to time.Time
	var bin time.Duration
	_, err = pgx.ForEachRow(rows, []any{&name, &to, &bin}, func() error {
		known++
		if width[name] == bin {
			judged[name] = to.UTC()
		}
		return nil
	})
	return judged, known, db.Classify(op, err)
}

// addBins adds counts to the bins, in one order everywhere.
func addBins(tx *db.Tx, bins map[binKey]binCount) error {
	b := &pgx.Batch{}
	for _, k := range slices.SortedFunc(maps.Keys(bins), binKey.compare) {
		b.Queue(`INSERT INTO analytics.detector_bin AS b (detector, event, category, ends, n, total) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (detector, ends, event, category) DO UPDATE SET n = b.n + excluded.n, total = b.total + excluded.total`,
			k.Detector, k.Event, k.Category, k.Ends, bins[k].N, bins[k].Total)
	}
	return db.Classify("analytics.addBins", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// lockDetector takes a detector to judge; running is false when no fact has come
// since it was configured. One with another bin width than before begins anew.
func lockDetector(tx *db.Tx, w *watched) (judged time.Time, running bool, err error) {
	const op = "analytics.lockDetector"
	var bin time.Duration
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT judged_to, bin FROM analytics.detector WHERE name = $1 FOR UPDATE`, w.Name).Scan(&judged, &bin)
	if errors.Is(err, pgx.ErrNoRows) {
		return judged, false, nil
	}
	if err != nil || bin == w.Bin {
		return judged.UTC(), err == nil, db.Classify(op, err)
	}
	judged = tx.Now().Truncate(w.Bin)
	b := &pgx.Batch{}
	for _, table := range []string{"detector_bin", "detector_series", "detector_hour"} {
		b.Queue(`DELETE FROM analytics.`+table+` WHERE detector = $1`, w.Name)
	}
	b.Queue(`UPDATE analytics.detector SET judged_to = $2, bin = $3 WHERE name = $1`, w.Name, judged, w.Bin)
	return judged, true, db.Classify(op, tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func moveDetector(tx *db.Tx, name string, to time.Time) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.detector SET judged_to = $2 WHERE name = $1`, name, to)
	return db.Classify("analytics.moveDetector", err)
}

// takeBins removes the bins that end up to then and gives them by end.
func takeBins(tx *db.Tx, detector string, to time.Time) (map[time.Time]map[series]binCount, error) {
	const op = "analytics.takeBins"
	rows, err := tx.Conn().Query(tx.Ctx(), `DELETE FROM analytics.detector_bin WHERE detector = $1 AND ends <= $2
		RETURNING ends, event, category, n, total`, detector, to)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	bins := map[time.Time]map[series]binCount{}
	k := series{Detector: detector}
	var ends time.Time
	var c binCount
	_, err = pgx.ForEachRow(rows, []any{&ends, &k.Event, &k.Category, &c.N, &c.Total}, func() error {
		at := ends.UTC()
		if bins[at] == nil {
			bins[at] = map[series]binCount{}
		}
		bins[at][k] = c
		return nil
	})
	return bins, db.Classify(op, err)
}

// hourRow is a past hour of a series.
type hourRow struct {
	series
	detect.Hour
}

func readHours(tx *db.Tx, k series) ([]detect.Hour, error) {
	const op = "analytics.readHours"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT hour, total, bins FROM analytics.detector_hour
		WHERE detector = $1 AND event = $2 AND category = $3 ORDER BY hour`, k.Detector, k.Event, k.Category)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	hours, err := pgx.CollectRows(rows, pgx.RowToStructByPos[detect.Hour])
	return hours, db.Classify(op, err)
}

func writeHours(tx *db.Tx, hours []hourRow) error {
	b := &pgx.Batch{}
	for _, h := range hours {
		b.Queue(`INSERT INTO analytics.detector_hour AS h (detector, event, category, hour, total, bins) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (detector, event, category, hour) DO UPDATE SET total = h.total + excluded.total, bins = h.bins + excluded.bins`,
			h.Detector, h.Event, h.Category, h.Start, h.Total, h.Bins)
	}
	return db.Classify("analytics.writeHours", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
