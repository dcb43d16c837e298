package proximity

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

// runningOffers are the offers of an event that are given on any of these occasions.
func runningOffers(tx *db.Tx, event id.ID, on ...string) ([]Offer, error) {
	return offers(tx.Ctx(), tx.Conn(), `o.event = $1 AND o.state = 'running' AND o.trigger = ANY($2) ORDER BY o.id`, event, on)
}

// lockPresent locks at most n phones that were heard since an instant: those whose last
// voucher is the longest ago come first. Those that are being moved just now are left out.
func lockPresent(tx *db.Tx, sc *scene, since time.Time, n int) (map[pseudonym]*device, error) {
	const op = "proximity.lockPresent"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT d.ref, d.installation, d.app, d.seen_at, d.x, d.y, d.offered_at, d.zone, d.area, d.since, c.segment, c.person
		FROM proximity.device d JOIN proximity.consent c ON c.installation = d.installation
		WHERE d.event = $1 AND d.seen_at >= $2 ORDER BY d.offered_at NULLS FIRST, d.ref LIMIT $3 FOR UPDATE OF d SKIP LOCKED`, sc.ID, since, n)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all := map[pseudonym]*device{}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) {
		d := &device{scene: sc, state: &zoning.Device{}}
		var hash []byte
		var zone, area *id.ID
		if err := r.Scan(&hash, &d.installation, &d.app, &d.seenAt, &d.x, &d.y, &d.offeredAt, &zone, &area, &d.since, &d.segment, &d.person); err != nil {
			return struct{}{}, err
		}
		d.pseudonym = pseudonym{sc.ID, ref(hash)}
		d.seenAt, d.offeredAt, d.since = d.seenAt.UTC(), utc(d.offeredAt), utc(d.since)
		if zone != nil {
			d.zone = *zone
		}
		if area != nil {
			d.area = *area
		}
		all[d.pseudonym] = d
		return struct{}{}, nil
	})
	return all, db.Classify(op, err)
}

// writeOffered writes back when these phones were given something.
func writeOffered(tx *db.Tx, all map[pseudonym]*device) error {
	b := &pgx.Batch{}
	for _, d := range inOrder(all) {
		if d.offeredAt != nil && d.offeredAt.Equal(tx.Now()) {
			b.Queue(`UPDATE proximity.device SET offered_at = $3 WHERE event = $1 AND ref = $2`, d.event, d.ref[:], d.offeredAt)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return db.Classify("proximity.writeOffered", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
