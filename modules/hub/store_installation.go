package hub

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// contentColumns are what a caller decides about an installation.
const contentColumns = `app_id, id, service, kind, handle, p256dh, auth, topic, user_id, locale, zone, currency, units,
	quiet_from, quiet_to, tags, attributes, templates, status, status_reason, expires_at`

// intake holds installations column by column, as unnest takes them.
type intake struct {
	app, id, service, kind, handle, p256dh, auth, topic []string
	user                                                []*string
	locale, zone, currency, units                       []string
	quietFrom, quietTo                                  []*int16
	tags                                                []string // joined by spaces, which no tag holds: unnest wants arrays of equal length
	attributes, templates                               []*string
	status, statusReason                                []string
	expires                                             []*time.Time
}

func (t *intake) add(in *Installation) error {
	attributes, err := jsonOrNil(in.Props, len(in.Props))
	if err != nil {
		return err
	}
	templates, err := jsonOrNil(in.Templates, len(in.Templates))
	if err != nil {
		return err
	}
	var user *string
	if in.User != "" {
		user = &in.User
	}
	from, to := in.Quiet.minutes()
	t.app, t.id, t.service, t.kind = append(t.app, in.App), append(t.id, in.ID), append(t.service, string(in.Service)), append(t.kind, in.Kind)
	t.handle, t.p256dh, t.auth, t.topic = append(t.handle, in.Handle), append(t.p256dh, in.P256dh), append(t.auth, in.Auth), append(t.topic, in.Topic)
	t.user, t.locale, t.zone = append(t.user, user), append(t.locale, in.Locale), append(t.zone, in.Zone)
	t.currency, t.units = append(t.currency, in.Currency), append(t.units, in.Units)
	t.quietFrom, t.quietTo = append(t.quietFrom, from), append(t.quietTo, to)
	t.tags = append(t.tags, strings.Join(in.allTags(), " "))
	t.attributes, t.templates = append(t.attributes, attributes), append(t.templates, templates)
	t.status, t.statusReason = append(t.status, in.Status), append(t.statusReason, in.StatusReason)
	t.expires = append(t.expires, in.ExpiresAt)
	return nil
}

func jsonOrNil(v any, size int) (*string, error) {
	if size == 0 {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fault.E("hub.PutInstallation", fault.Internal, "cannot write the installation", err)
	}
	s := string(b)
	return &s, nil
}

// freshPlans goes before the two statements: a plan cached while the table was small reads
// all of an app for each row, and stays until the next ANALYZE, long after the table grew.
const freshPlans = `SET LOCAL plan_cache_mode = force_custom_plan`

// displaceSQL frees the handles for these installations: another installation that has
// one goes, for the handle moves with its owner; a registration stays, but the
// installation is now the main row. LATERAL … OFFSET 0 finds them by the index, one by
// one, however many there are; EXISTS says it again of the row itself, so that one which
// another transaction has just given another handle is looked at anew and stays.
const displaceSQL = `WITH n AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS n (app_id, id, kind, handle)
), found AS MATERIALIZED (
	SELECT i.no, i.registration FROM n CROSS JOIN LATERAL (
		SELECT i.no, i.registration FROM hub.installation i WHERE i.app_id = n.app_id AND i.kind = n.kind
			AND decode(md5(i.handle), 'hex') = decode(md5(n.handle), 'hex') AND i.main AND i.id <> n.id OFFSET 0) i
), yielded AS (
	UPDATE hub.installation d SET main = false WHERE d.no = ANY (ARRAY(SELECT no FROM found WHERE registration)) AND d.main
		AND EXISTS (SELECT 1 FROM n WHERE n.app_id = d.app_id AND n.kind = d.kind AND n.handle = d.handle AND n.id <> d.id)
)
DELETE FROM hub.installation d WHERE d.no = ANY (ARRAY(SELECT no FROM found WHERE NOT registration)) AND d.main
	AND EXISTS (SELECT 1 FROM n WHERE n.app_id = d.app_id AND n.kind = d.kind AND n.handle = d.handle AND n.id <> d.id)`

// putSQL writes what differs, moves handle_at on where the last confirmation is a day
// old, and answers for every row: with the handle it gave up, if any, and whether rows
// for its templates must follow. $1 is now; $2 says whether this confirms the handles.
const putSQL = `WITH n AS MATERIALIZED (
	SELECT ord, app_id, id, service, kind, handle, p256dh, auth, topic, user_id, locale, zone, currency, units, quiet_from, quiet_to,
		string_to_array(tags, ' ') AS tags, attributes::jsonb, templates::jsonb, status, status_reason, expires_at
	FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
		$12::text[], $13::text[], $14::text[], $15::text[], $16::smallint[], $17::smallint[], $18::text[], $19::text[], $20::text[],
		$21::text[], $22::text[], $23::timestamptz[]) WITH ORDINALITY AS n (` + contentColumns + `, ord)
), o AS MATERIALIZED (
	SELECT n.*, i.no, i.version, i.handle_at, i.kind AS old_kind, i.handle AS old_handle,
		(n.templates IS NOT NULL OR i.templates IS NOT NULL) AS rendered, (i.main, i.service, i.kind, i.handle, i.p256dh, i.auth, i.topic, i.user_id, i.locale, i.zone,
			i.currency, i.units, i.quiet_from, i.quiet_to, i.tags, i.attributes, i.templates, i.status, i.status_reason, i.expires_at)
		IS DISTINCT FROM (true, n.service, n.kind, n.handle, n.p256dh, n.auth, n.topic, n.user_id, n.locale, n.zone,
			n.currency, n.units, n.quiet_from, n.quiet_to, n.tags, n.attributes, n.templates, n.status, n.status_reason, n.expires_at) AS differs
	FROM n LEFT JOIN LATERAL (SELECT * FROM hub.installation i WHERE i.app_id = n.app_id AND i.id = n.id OFFSET 0) i ON true
), touched AS (
	UPDATE hub.installation SET handle_at = $1 WHERE $2::boolean
		AND no = ANY (ARRAY(SELECT no FROM o WHERE NOT differs AND handle_at < $1::timestamptz - interval '1 day'))
), written AS (
	INSERT INTO hub.installation AS i (` + contentColumns + `, handle_at, created_at, updated_at)
	SELECT ` + contentColumns + `, $1, $1, $1 FROM o WHERE differs
	ON CONFLICT (app_id, id) DO UPDATE SET main = true, service = EXCLUDED.service, kind = EXCLUDED.kind, handle = EXCLUDED.handle,
		p256dh = EXCLUDED.p256dh, auth = EXCLUDED.auth, topic = EXCLUDED.topic, user_id = EXCLUDED.user_id, locale = EXCLUDED.locale,
		zone = EXCLUDED.zone, currency = EXCLUDED.currency, units = EXCLUDED.units, quiet_from = EXCLUDED.quiet_from,
		quiet_to = EXCLUDED.quiet_to, tags = EXCLUDED.tags, attributes = EXCLUDED.attributes, templates = EXCLUDED.templates,
		status = EXCLUDED.status, status_reason = EXCLUDED.status_reason, expires_at = EXCLUDED.expires_at,
		status_at = CASE WHEN i.status = EXCLUDED.status THEN i.status_at ELSE $1 END,
		handle_at = CASE WHEN $2 OR i.handle <> EXCLUDED.handle THEN $1 ELSE i.handle_at END,
		updated_at = $1, version = i.version + 1
	RETURNING i.app_id, i.id, i.version
)
SELECT o.ord, coalesce(w.version, o.version), CASE WHEN w.version <> coalesce(o.version, 0) + 1 THEN 'met'
		WHEN w.version = 1 THEN 'created' WHEN w.version > 1 THEN 'changed' ELSE 'unchanged' END,
	CASE WHEN (o.old_kind, o.old_handle) <> (o.kind, o.handle) THEN o.old_kind END, o.old_handle,
	o.rendered AND (o.differs OR $2 AND o.handle_at < $1::timestamptz - interval '1 day')
FROM o LEFT JOIN written w USING (app_id, id)`

// putInstallations writes validated installations and answers for each, in their
// order. No two of rows may share an id or a handle within an app. confirm says that
// the devices themselves hold these handles now; free takes the handles from whoever else
// has them, without it the unique index objects to those (see collided).
func putInstallations(tx *db.Tx, rows []*Installation, confirm, free bool) ([]Put, error) {
	const op = "hub.PutInstallation"
	var t intake
	for _, in := range rows {
		if err := t.add(in); err != nil {
			return nil, err
		}
	}
	b := &pgx.Batch{}
	b.Queue(freshPlans)
	if free {
		b.Queue(displaceSQL, t.app, t.id, t.kind, t.handle)
	}
	b.Queue(putSQL, tx.Now(), confirm, t.app, t.id, t.service, t.kind, t.handle, t.p256dh, t.auth, t.topic, t.user, t.locale, t.zone,
		t.currency, t.units, t.quietFrom, t.quietTo, t.tags, t.attributes, t.templates, t.status, t.statusReason, t.expires)
	answers := tx.Conn().SendBatch(tx.Ctx(), b)
	defer answers.Close()
	for range b.Len() - 1 {
		if _, err := answers.Exec(); err != nil {
			return nil, classifyPut(op, err)
		}
	}
	found, err := answers.Query()
	if err != nil {
		return nil, classifyPut(op, err)
	}
	puts, after, err := readPuts(found, rows)
	if err == nil {
		err = answers.Close()
	}
	if err == nil {
		err = after.run(tx)
	}
	return puts, classifyPut(op, err)
}

// readPuts reads the answers of putSQL, and what is left to do after it.
func readPuts(found pgx.Rows, rows []*Installation) (puts []Put, after aftermath, err error) {
	puts = make([]Put, len(rows))
	var ord, version int64
	var result string
	var oldKind, oldHandle *string
	var rendered bool
	_, err = pgx.ForEachRow(found, []any{&ord, &version, &result, &oldKind, &oldHandle, &rendered}, func() error {
		if result == "met" {
			return errMet
		}
		in := rows[ord-1]
		puts[ord-1] = Put{App: in.App, ID: in.ID, Version: version, Result: Result(result)}
		if oldKind != nil {
			after.settle.add(in.App, *oldKind, *oldHandle)
		}
		if rendered {
			after.apps, after.ids = append(after.apps, in.App), append(after.ids, in.ID)
		}
		return nil
	})
	return puts, after, err
}

// errMet says that another transaction changed a row between its being read and its being
// written: what was decided by what was seen, the handle and the templates that the row
// gives up above all, may be wrong.
var errMet = fault.E("hub.Put", fault.Transient, "the same id was written twice at once", nil)

// classifyPut names the app that is gone; the rest is db.Classify's.
func classifyPut(op string, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23503" {
		return fault.E(op, fault.NotFound, "there is no such app", err).WithFix("GET /v1/apps lists them")
	}
	return db.Classify(op, err)
}

// collided reports whether two transactions met on one handle or deadlocked: the
// same work done again will pass.
func collided(err error) bool {
	if errors.Is(err, errMet) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "23505" || pg.Code == "40P01" || pg.Code == "40001")
}
