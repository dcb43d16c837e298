package proximity

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const eventColumns = `id, name, title, venue, opens_at, ends_at, attendance, scanned, forgotten, created_at, ref_key`

func scanEvent(row pgx.CollectableRow) (Event, error) {
	var e Event
	err := row.Scan(&e.ID, &e.Name, &e.Title, &e.Venue, &e.OpensAt, &e.EndsAt, &e.Attendance, &e.Scanned, &e.Forgotten, &e.CreatedAt, &e.sealed)
	e.OpensAt, e.EndsAt, e.CreatedAt = e.OpensAt.UTC(), e.EndsAt.UTC(), e.CreatedAt.UTC()
	if e.Forgotten != nil {
		at := e.Forgotten.UTC()
		e.Forgotten = &at
	}
	return e, err
}

// events reads those that a condition is true of, the latest first.
func events(ctx context.Context, q reader, where string, args ...any) ([]Event, error) {
	rows, err := q.Query(ctx, `SELECT `+eventColumns+` FROM proximity.event WHERE `+where, args...)
	if err != nil {
		return nil, db.Classify("proximity.events", err)
	}
	all, err := pgx.CollectRows(rows, scanEvent)
	return all, db.Classify("proximity.events", err)
}

// Events are those that take place at a venue (id.Nil: anywhere), the latest first.
func (s *Service) Events(ctx context.Context, venue id.ID) ([]Event, error) {
	return events(ctx, s.db.Pool(), `($1 = '00000000-0000-0000-0000-000000000000'::uuid OR venue = $1) ORDER BY opens_at DESC, id DESC LIMIT 500`, venue)
}

// Event finds one by its name. Errors: fault.NotFound.
func (s *Service) Event(ctx context.Context, name string) (Event, error) {
	return oneEvent(events(ctx, s.db.Pool(), `name = $1`, name))
}

func lockEvent(tx *db.Tx, name string) (Event, error) {
	return oneEvent(events(tx.Ctx(), tx.Conn(), `name = $1 FOR UPDATE`, name))
}

func oneEvent(found []Event, err error) (Event, error) {
	if err == nil && len(found) == 0 {
		err = fault.E("proximity.Event", fault.NotFound, "no event of that name takes place at a venue", nil).WithFix("PUT /v1/venue-events/:event says where it does")
	}
	if err != nil {
		return Event{}, err
	}
	return found[0], nil
}

func writeEvent(tx *db.Tx, e Event) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.event (id, name, title, venue, opens_at, ends_at, attendance, ref_key, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET title = $3, venue = $4, opens_at = $5, ends_at = $6, attendance = $7`,
		e.ID, e.Name, e.Title, e.Venue, e.OpensAt, e.EndsAt, e.Attendance, e.sealed, e.CreatedAt)
	return db.Classify("proximity.PutEvent", err)
}

func deleteEvent(tx *db.Tx, event id.ID) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM proximity.event WHERE id = $1`, event)
	return db.Classify("proximity.DeleteEvent", err)
}

// venueVersions reads the versions of the events' venues.
func venueVersions(ctx context.Context, q reader, all []Event) (map[id.ID]int64, error) {
	venues := make([]id.ID, len(all))
	for i, e := range all {
		venues[i] = e.Venue
	}
	rows, err := q.Query(ctx, `SELECT id, version FROM proximity.venue WHERE id = ANY($1)`, venues)
	if err != nil {
		return nil, db.Classify("proximity.venueVersions", err)
	}
	versions := map[id.ID]int64{}
	var venue id.ID
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&venue, &version}, func() error { versions[venue] = version; return nil })
	return versions, db.Classify("proximity.venueVersions", err)
}

// addScanned counts people who came in at an event's doors; there may be no venue for it.
func addScanned(tx *db.Tx, event string, n int) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE proximity.event SET scanned = greatest(scanned + $2, 0) WHERE name = $1`, event, n)
	return db.Classify("proximity.admitted", err)
}
