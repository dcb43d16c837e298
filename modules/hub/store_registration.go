package hub

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// holdMainsSQL locks the main rows of these handles, so that none of them can leave its
// handle before the new rows are there to take its place.
const holdMainsSQL = `WITH h AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS h (app_id, kind, handle)
)
SELECT i.no FROM hub.installation i WHERE i.no = ANY (ARRAY(SELECT i.no FROM h CROSS JOIN LATERAL (
	SELECT i.no FROM hub.installation i WHERE i.app_id = h.app_id AND i.kind = h.kind
		AND decode(md5(i.handle), 'hex') = decode(md5(h.handle), 'hex') AND i.main OFFSET 0) i))
ORDER BY i.no FOR NO KEY UPDATE`

// putRegistrationsSQL writes registrations and answers for every row. The first one of a
// handle that has no main row becomes it; what else must be settled is told: the handle a
// row gave up, and the handle whose main row has ended. $1 is now, $2 the mode.
const putRegistrationsSQL = `WITH n AS MATERIALIZED (
	SELECT ord, app_id, '~' || id AS id, service, kind, handle, p256dh, auth, user_id, string_to_array(tags, ' ') AS tags,
		templates::jsonb, extra::jsonb, expires_at
	FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
		$12::text[], $13::text[], $14::timestamptz[])
		WITH ORDINALITY AS n (app_id, id, service, kind, handle, p256dh, auth, user_id, tags, templates, extra, expires_at, ord)
), f AS MATERIALIZED (
	SELECT n.*, i.no, i.version AS old_version, i.kind AS old_kind, i.handle AS old_handle, i.status AS old_status, m.no AS holder, m.status AS holder_status,
		CASE $2 WHEN 'create' THEN i.no IS NULL OR i.status = 'retired' WHEN 'update' THEN i.status <> 'retired' ELSE true END AS taken
	FROM n LEFT JOIN LATERAL (SELECT i.no, i.version, i.kind, i.handle, i.status FROM hub.installation i WHERE i.app_id = n.app_id AND i.id = n.id OFFSET 0) i ON true
	LEFT JOIN LATERAL (SELECT i.no, i.status FROM hub.installation i WHERE i.app_id = n.app_id AND i.kind = n.kind
		AND decode(md5(i.handle), 'hex') = decode(md5(n.handle), 'hex') AND i.main OFFSET 0) m ON true
), o AS MATERIALIZED (
	SELECT f.*, row_number() OVER (PARTITION BY f.app_id, f.kind, f.handle ORDER BY f.ord) AS turn FROM f WHERE f.taken
), written AS (
	INSERT INTO hub.installation AS i (app_id, id, service, kind, handle, p256dh, auth, user_id, tags, templates, native, extra, expires_at,
		registration, main, handle_at, created_at, updated_at)
	SELECT app_id, id, service, kind, handle, p256dh, auth, user_id, tags, templates, templates IS NULL, extra, expires_at,
		true, CASE WHEN holder IS NULL THEN turn = 1 ELSE coalesce(holder = no, false) END, $1, $1, $1 FROM o ORDER BY ord -- numbers follow the caller's order: the first has the claim to its handle
	ON CONFLICT (app_id, id) DO UPDATE SET service = EXCLUDED.service, kind = EXCLUDED.kind, handle = EXCLUDED.handle,
		p256dh = EXCLUDED.p256dh, auth = EXCLUDED.auth, user_id = EXCLUDED.user_id, tags = EXCLUDED.tags, templates = EXCLUDED.templates,
		native = EXCLUDED.native, extra = EXCLUDED.extra, expires_at = EXCLUDED.expires_at, main = EXCLUDED.main,
		status = 'active', status_reason = '', status_at = CASE WHEN i.status = 'active' THEN i.status_at ELSE $1 END,
		handle_at = $1, updated_at = $1, version = i.version + 1
	RETURNING i.app_id, i.id, i.version
)
SELECT o.ord, w.version, CASE WHEN w.version <> coalesce(o.old_version, 0) + 1 THEN 'met' WHEN o.no IS NULL OR o.old_status = 'retired' THEN 'created' ELSE 'changed' END,
	CASE WHEN (o.old_kind, o.old_handle) <> (o.kind, o.handle) THEN o.old_kind END, o.old_handle,
	coalesce(o.holder <> coalesce(o.no, 0) AND o.holder_status <> 'active', false)
FROM o JOIN written w USING (app_id, id)`

// registrationIntake holds registrations column by column, as unnest takes them.
type registrationIntake struct {
	handles
	id, service, p256dh, auth []string
	user                      []*string
	tags                      []string // joined by spaces
	templates, extra          []*string
	expires                   []*time.Time
}

func (t *registrationIntake) add(r *Registration) error {
	var templates, extra, user *string
	var err error
	if r.Template != nil {
		if templates, err = jsonOrNil(map[string]Template{r.TemplateName: *r.Template}, 1); err != nil {
			return err
		}
	}
	if len(r.Extra) > 0 {
		text := string(r.Extra)
		extra = &text
	}
	if r.User != "" {
		user = &r.User
	}
	in := Installation{User: r.User, Tags: r.Tags}
	t.handles.add(r.App, r.Kind, r.Handle)
	t.id, t.service = append(t.id, r.ID), append(t.service, string(r.service()))
	t.p256dh, t.auth, t.user = append(t.p256dh, r.P256dh), append(t.auth, r.Auth), append(t.user, user)
	t.tags = append(t.tags, strings.Join(in.allTags(), " "))
	t.templates, t.extra, t.expires = append(t.templates, templates), append(t.extra, extra), append(t.expires, r.ExpiresAt)
	return nil
}

// putRegistrations writes validated registrations, no two of which share an id, and says
// what became of each, in their order; "" is one that mode left out.
func putRegistrations(tx *db.Tx, rows []*Registration, mode BulkMode) ([]Result, error) {
	const op = "hub.PutRegistration"
	var t registrationIntake
	for _, r := range rows {
		if err := t.add(r); err != nil {
			return nil, err
		}
	}
	b := &pgx.Batch{}
	b.Queue(freshPlans)
	b.Queue(holdMainsSQL, t.app, t.kind, t.handle)
	b.Queue(putRegistrationsSQL, tx.Now(), string(mode), t.app, t.id, t.service, t.kind, t.handle, t.p256dh, t.auth, t.user, t.tags,
		t.templates, t.extra, t.expires)
	answers := tx.Conn().SendBatch(tx.Ctx(), b)
	defer answers.Close()
	for range 2 {
		if _, err := answers.Exec(); err != nil {
			return nil, classifyPut(op, err)
		}
	}
	found, err := answers.Query()
	if err != nil {
		return nil, classifyPut(op, err)
	}
	results, unsettled, err := readRegistrationPuts(found, rows, tx.Now())
	if err == nil {
		err = answers.Close()
	}
	if err == nil {
		err = unsettled.settle(tx)
	}
	return results, classifyPut(op, err)
}

// readRegistrationPuts reads the answers of putRegistrationsSQL into rows, and the handles
// that are left to settle.
func readRegistrationPuts(found pgx.Rows, rows []*Registration, now time.Time) (results []Result, unsettled handles, err error) {
	results = make([]Result, len(rows))
	var ord, version int64
	var result string
	var oldKind, oldHandle *string
	var ended bool
	_, err = pgx.ForEachRow(found, []any{&ord, &version, &result, &oldKind, &oldHandle, &ended}, func() error {
		if result == "met" {
			return errMet
		}
		r := rows[ord-1]
		results[ord-1], r.Version, r.UpdatedAt = Result(result), version, now
		if oldKind != nil {
			unsettled.add(r.App, *oldKind, *oldHandle)
		}
		if ended {
			unsettled.add(r.App, r.Kind, r.Handle)
		}
		return nil
	})
	return results, unsettled, err
}

// deleteRegistrations forgets those of ids that are there, and settles their handles.
func deleteRegistrations(tx *db.Tx, app string, ids []string) (deleted int, err error) {
	const op = "hub.DeleteRegistration"
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = "~" + id
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `DELETE FROM hub.installation WHERE app_id = $1 AND id = ANY($2) AND registration
		RETURNING kind, handle, main, status <> 'retired'`, app, names)
	if err != nil {
		return 0, db.Classify(op, err)
	}
	var unsettled handles
	var kind, handle string
	var main, live bool
	_, err = pgx.ForEachRow(rows, []any{&kind, &handle, &main, &live}, func() error {
		if live {
			deleted++
		}
		if main {
			unsettled.add(app, kind, handle)
		}
		return nil
	})
	if err == nil {
		err = unsettled.settle(tx)
	}
	return deleted, db.Classify(op, err)
}
