package proximity

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// reader is what a statement needs: the pool, or one transaction.
type reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const venueColumns = `id, name, width, height, lat, lon, bearing, plan_type, plan_tag, version, created_at, updated_at`

func scanVenue(row pgx.CollectableRow) (Venue, error) {
	var v Venue
	var lat, lon *float64
	var bearing float64
	var p Plan
	err := row.Scan(&v.ID, &v.Name, &v.Width, &v.Height, &lat, &lon, &bearing, &p.Type, &p.Tag, &v.Version, &v.CreatedAt, &v.UpdatedAt)
	if lat != nil {
		v.Origin = &Origin{*lat, *lon, bearing}
	}
	if p.Type != "" {
		v.Plan = &p
	}
	v.CreatedAt, v.UpdatedAt = v.CreatedAt.UTC(), v.UpdatedAt.UTC()
	v.Zones, v.Beacons, v.Stalls = []Zone{}, []Beacon{}, []Stall{}
	return v, err
}

func noVenue(err error) error {
	return fault.E("proximity.Venue", fault.NotFound, "there is no such venue", err).WithFix("GET /v1/venues lists them")
}

// Venues are all there are, by name, without what is drawn on them.
func (s *Service) Venues(ctx context.Context) ([]Venue, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+venueColumns+` FROM proximity.venue ORDER BY name, id LIMIT 1000`)
	if err != nil {
		return nil, db.Classify("proximity.Venues", err)
	}
	all, err := pgx.CollectRows(rows, scanVenue)
	return all, db.Classify("proximity.Venues", err)
}

// Venue is one with all that is drawn on it. Errors: fault.NotFound.
func (s *Service) Venue(ctx context.Context, venue id.ID) (Venue, error) {
	return readVenue(ctx, s.db.Pool(), venue, "")
}

func lockVenue(tx *db.Tx, venue id.ID) (Venue, error) {
	return readVenue(tx.Ctx(), tx.Conn(), venue, "FOR UPDATE")
}

func readVenue(ctx context.Context, q reader, venue id.ID, lock string) (Venue, error) {
	rows, err := q.Query(ctx, `SELECT `+venueColumns+` FROM proximity.venue WHERE id = $1 `+lock, venue)
	if err != nil {
		return Venue{}, db.Classify("proximity.Venue", err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, scanVenue)
	if errors.Is(err, pgx.ErrNoRows) {
		return Venue{}, noVenue(err)
	}
	if err != nil {
		return Venue{}, db.Classify("proximity.Venue", err)
	}
	for _, read := range []func(context.Context, reader, *Venue) error{readZones, readBeacons, readStalls} {
		if err := read(ctx, q, &v); err != nil {
			return Venue{}, db.Classify("proximity.Venue", err)
		}
	}
	return v, nil
}

func readZones(ctx context.Context, q reader, v *Venue) error {
	rows, err := q.Query(ctx, `SELECT id, name, kind, outline, width FROM proximity.zone WHERE venue = $1 ORDER BY name`, v.ID)
	if err != nil {
		return err
	}
	v.Zones, err = pgx.AppendRows(v.Zones, rows, func(r pgx.CollectableRow) (z Zone, err error) {
		return z, r.Scan(&z.ID, &z.Name, &z.Kind, &z.Outline, &z.Width)
	})
	return err
}

func readBeacons(ctx context.Context, q reader, v *Venue) error {
	rows, err := q.Query(ctx, `SELECT b.id, b.code, z.name, b.x, b.y FROM proximity.beacon b JOIN proximity.zone z ON z.id = b.zone
		WHERE b.venue = $1 ORDER BY b.code`, v.ID)
	if err != nil {
		return err
	}
	v.Beacons, err = pgx.AppendRows(v.Beacons, rows, func(r pgx.CollectableRow) (b Beacon, err error) {
		return b, r.Scan(&b.ID, &b.Code, &b.Zone, &b.X, &b.Y)
	})
	return err
}

func readStalls(ctx context.Context, q reader, v *Venue) error {
	rows, err := q.Query(ctx, `SELECT t.id, t.name, t.x, t.y, coalesce(z.name, ''), t.servers, t.queue_high, t.pinned,
		ARRAY(SELECT name FROM proximity.till WHERE stall = t.id ORDER BY name)
		FROM proximity.stall t LEFT JOIN proximity.zone z ON z.id = t.zone WHERE t.venue = $1 ORDER BY t.name`, v.ID)
	if err != nil {
		return err
	}
	v.Stalls, err = pgx.AppendRows(v.Stalls, rows, func(r pgx.CollectableRow) (t Stall, err error) {
		return t, r.Scan(&t.ID, &t.Name, &t.X, &t.Y, &t.Zone, &t.Servers, &t.QueueHigh, &t.Pinned, &t.Tills)
	})
	return err
}

func insertVenue(tx *db.Tx, v *Venue) error {
	lat, lon, bearing := v.Origin.parts()
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.venue (id, name, width, height, lat, lon, bearing, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`, v.ID, v.Name, v.Width, v.Height, lat, lon, bearing, v.Version, v.CreatedAt)
	return db.Classify("proximity.CreateVenue", err)
}

func (o *Origin) parts() (lat, lon *float64, bearing float64) {
	if o == nil {
		return nil, nil, 0
	}
	return &o.Lat, &o.Lon, o.Bearing
}

func updateVenue(tx *db.Tx, v *Venue) error {
	lat, lon, bearing := v.Origin.parts()
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.venue SET name = $2, width = $3, height = $4, lat = $5, lon = $6, bearing = $7, version = $8, updated_at = $9
		WHERE id = $1`, v.ID, v.Name, v.Width, v.Height, lat, lon, bearing, v.Version, v.UpdatedAt)
	return db.Classify("proximity.ChangeVenue", err)
}

// writeParts makes the stored zones, beacons and stalls those of v. Names move out of
// the way first, so that two zones may change theirs.
func writeParts(tx *db.Tx, v *Venue, was Venue) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM proximity.till WHERE venue = $1`, v.ID)
	b.Queue(`DELETE FROM proximity.beacon WHERE venue = $1`, v.ID)
	for _, z := range was.Zones {
		if v.zoneByID(z.ID) == nil {
			b.Queue(`DELETE FROM proximity.zone WHERE id = $1`, z.ID)
		}
	}
	for _, t := range was.Stalls {
		if v.stallByID(t.ID) == nil {
			b.Queue(`DELETE FROM proximity.stall WHERE id = $1`, t.ID)
		}
	}
	b.Queue(`UPDATE proximity.zone SET name = id::text WHERE venue = $1`, v.ID)
	b.Queue(`UPDATE proximity.stall SET name = id::text WHERE venue = $1`, v.ID)
	if err := queueParts(b, v); err != nil {
		return err
	}
	return partTaken(tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func queueParts(b *pgx.Batch, v *Venue) error {
	for _, z := range v.Zones {
		outline, err := json.Marshal(z.Outline)
		if err != nil {
			return fault.E("proximity.writeParts", fault.Internal, "cannot write the zone", err)
		}
		b.Queue(`INSERT INTO proximity.zone (id, venue, name, kind, outline, width) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET name = $3, kind = $4, outline = $5, width = $6`, z.ID, v.ID, z.Name, z.Kind, outline, z.Width)
	}
	for _, n := range v.Beacons {
		b.Queue(`INSERT INTO proximity.beacon (id, venue, zone, code, x, y) VALUES ($1, $2, $3, $4, $5, $6)`, n.ID, v.ID, v.zone(n.Zone).ID, n.Code, n.X, n.Y)
	}
	for _, t := range v.Stalls {
		var zone *id.ID
		if z := v.zone(t.Zone); z != nil {
			zone = &z.ID
		}
		b.Queue(`INSERT INTO proximity.stall (id, venue, name, x, y, zone, servers, queue_high, pinned) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id) DO UPDATE SET name = $3, x = $4, y = $5, zone = $6, servers = $7, queue_high = $8, pinned = $9`,
			t.ID, v.ID, t.Name, t.X, t.Y, zone, t.Servers, t.QueueHigh, t.Pinned)
		for _, name := range slices.Sorted(slices.Values(t.Tills)) {
			b.Queue(`INSERT INTO proximity.till (venue, stall, name) VALUES ($1, $2, $3)`, v.ID, t.ID, name)
		}
	}
	return nil
}

func partTaken(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "beacon_code_key" {
		return fault.E("proximity.Venue", fault.Conflict, "a beacon of that code hangs at another venue", err).WithFix("take it away there first")
	}
	return db.Classify("proximity.Venue", err)
}

func deleteVenue(tx *db.Tx, venue id.ID) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM proximity.venue WHERE id = $1`, venue)
	return db.Classify("proximity.DeleteVenue", err)
}

// heldAt is the name of an event at the venue; "" when there is none.
func heldAt(tx *db.Tx, venue id.ID) (string, error) {
	var name string
	err := tx.Conn().QueryRow(tx.Ctx(), `SELECT coalesce(max(name), '') FROM proximity.event WHERE venue = $1`, venue).Scan(&name)
	return name, db.Classify("proximity.DeleteVenue", err)
}

// setPlan stores the picture of a venue, and the height that follows from it.
func setPlan(tx *db.Tx, venue id.ID, p Plan, picture []byte, width, height float64) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.venue SET plan_type = $2, plan_tag = $3, plan = $4, width = $5, height = $6, version = version + 1, updated_at = $7
		WHERE id = $1`, venue, p.Type, p.Tag, picture, width, height, tx.Now())
	return db.Classify("proximity.PutPlan", err)
}

// Picture is a venue's plan. Errors: fault.NotFound.
func (s *Service) Picture(ctx context.Context, venue id.ID) (Plan, []byte, error) {
	var p Plan
	var picture []byte
	err := s.db.Pool().QueryRow(ctx, `SELECT plan_type, plan_tag, plan FROM proximity.venue WHERE id = $1 AND plan IS NOT NULL`, venue).Scan(&p.Type, &p.Tag, &picture)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, nil, fault.E("proximity.Picture", fault.NotFound, "the venue has no floor plan", err).WithFix("PUT /v1/venues/:venue/plan uploads one")
	}
	return p, picture, db.Classify("proximity.Picture", err)
}
