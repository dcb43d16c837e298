package hub

import (
	"github.com/usherhq/usher/modules/kernel/db"
)

// A handle may have several rows: an installation or registrations, and a row for each
// template of the installation. Exactly one of them is the main row, which ordinary sends
// reach, so that a phone rings once. The unique index on main rows keeps it so: a
// transaction that finds the place taken is made again (again), and sees why.

// ofHandleSQL gives every row of the handles h (app_id, kind, handle), by its two indexes.
const ofHandleSQL = `(
	SELECT i.* FROM hub.installation i WHERE i.app_id = h.app_id AND i.kind = h.kind
		AND decode(md5(i.handle), 'hex') = decode(md5(h.handle), 'hex') AND i.main
	UNION ALL
	SELECT i.* FROM hub.installation i WHERE i.app_id = h.app_id AND i.kind = h.kind
		AND decode(md5(i.handle), 'hex') = decode(md5(h.handle), 'hex') AND NOT i.main OFFSET 0)`

// handles is a list of handles, column by column.
type handles struct{ app, kind, handle []string }

func (h *handles) add(app, kind, handle string) {
	h.app, h.kind, h.handle = append(h.app, app), append(h.kind, kind), append(h.handle, handle)
}

// rankSQL orders the candidates for the main row: an active one before the others, an
// installation before registrations, then the one that came first.
const rankSQL = `WITH h AS MATERIALIZED (
	SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS h (app_id, kind, handle)
), r AS MATERIALIZED (
	SELECT i.no, i.main, row_number() OVER (PARTITION BY h.app_id, h.kind, h.handle
		ORDER BY i.status <> 'active', i.registration, NOT i.main, i.no) AS rank
	FROM h CROSS JOIN LATERAL ` + ofHandleSQL + ` i WHERE i.parent IS NULL
) `

// settle chooses the main row of each handle anew, where it is missing or another has the
// better claim. It runs after whatever took a handle away from a row or ended a row.
func (h *handles) settle(tx *db.Tx) error {
	if len(h.app) == 0 {
		return nil
	}
	for _, step := range []string{
		rankSQL + `UPDATE hub.installation SET main = false WHERE no = ANY (ARRAY(SELECT no FROM r WHERE main AND rank > 1))`,
		rankSQL + `UPDATE hub.installation SET main = true WHERE no = ANY (ARRAY(SELECT no FROM r WHERE NOT main AND rank = 1))`,
	} {
		if _, err := tx.Conn().Exec(tx.Ctx(), step, h.app, h.kind, h.handle); err != nil {
			return db.Classify("hub.settle", err)
		}
	}
	return nil
}

// unsettledSQL finds handles whose main row has ended while another is active, or is missing.
const unsettledSQL = `SELECT DISTINCT t.app_id, t.kind, t.handle FROM hub.installation t
	LEFT JOIN hub.installation m ON m.app_id = t.app_id AND m.kind = t.kind
		AND decode(md5(m.handle), 'hex') = decode(md5(t.handle), 'hex') AND m.main
	WHERE NOT t.main AND t.parent IS NULL AND t.status = 'active' AND m.status IS DISTINCT FROM 'active' LIMIT $1`

// aftermath is what a put of installations leaves to do: handles that were given up, and
// installations whose templates' rows must follow.
type aftermath struct {
	settle    handles
	apps, ids []string
}

func (a *aftermath) run(tx *db.Tx) error {
	if err := a.settle.settle(tx); err != nil || len(a.ids) == 0 {
		return err
	}
	_, err := tx.Conn().Exec(tx.Ctx(), templateRowsSQL, tx.Now(), a.apps, a.ids)
	return db.Classify("hub.templateRows", err)
}

// templateRowsSQL makes one row for each template of these installations, and removes those
// of templates that are gone. A row has all that its installation has, its tags and the
// template's together, and follows it in everything.
const templateRowsSQL = `WITH p AS MATERIALIZED (
	SELECT i.* FROM unnest($2::text[], $3::text[]) AS f (app_id, id)
	CROSS JOIN LATERAL (SELECT i.* FROM hub.installation i WHERE i.app_id = f.app_id AND i.id = f.id OFFSET 0) i
), dropped AS (
	DELETE FROM hub.installation c WHERE c.no = ANY (ARRAY(
		SELECT c.no FROM p CROSS JOIN LATERAL (SELECT c.no, c.id FROM hub.installation c WHERE c.app_id = p.app_id AND c.parent = p.id OFFSET 0) c
		WHERE NOT coalesce(p.templates ? substr(c.id, length(p.id) + 2), false)))
)
INSERT INTO hub.installation AS i (` + contentColumns + `, status_at, handle_at, created_at, updated_at, main, native, parent)
SELECT p.app_id, p.id || '~' || t.key, p.service, p.kind, p.handle, p.p256dh, p.auth, p.topic, p.user_id, p.locale, p.zone, p.currency, p.units,
	p.quiet_from, p.quiet_to, ARRAY(SELECT x COLLATE "C" FROM (SELECT unnest(p.tags) UNION SELECT jsonb_array_elements_text(t.value -> 'tags')) AS a (x) ORDER BY 1),
	p.attributes, jsonb_build_object(t.key, t.value), p.status, p.status_reason, p.expires_at, p.status_at, p.handle_at, $1, $1, false, false, p.id
FROM p CROSS JOIN LATERAL jsonb_each(p.templates) AS t (key, value)
ON CONFLICT (app_id, id) DO UPDATE SET service = EXCLUDED.service, kind = EXCLUDED.kind, handle = EXCLUDED.handle,
	p256dh = EXCLUDED.p256dh, auth = EXCLUDED.auth, topic = EXCLUDED.topic, user_id = EXCLUDED.user_id, locale = EXCLUDED.locale,
	zone = EXCLUDED.zone, currency = EXCLUDED.currency, units = EXCLUDED.units, quiet_from = EXCLUDED.quiet_from,
	quiet_to = EXCLUDED.quiet_to, tags = EXCLUDED.tags, attributes = EXCLUDED.attributes, templates = EXCLUDED.templates,
	status = EXCLUDED.status, status_reason = EXCLUDED.status_reason, expires_at = EXCLUDED.expires_at, status_at = EXCLUDED.status_at,
	handle_at = EXCLUDED.handle_at, updated_at = $1, version = i.version + 1`
