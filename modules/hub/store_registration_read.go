package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// rowOfRegistration is the id of the row behind a registration: "~a" for the registration
// a, "phone" for the native one of an installation, "phone~news" for its template. No
// installation's id holds a ~.
func rowOfRegistration(id string) string {
	switch at := strings.IndexByte(id, '~'); {
	case at < 0:
		return "~" + id
	case at == len(id)-1:
		return id[:at]
	}
	return id
}

// registrationOfRow is the inverse.
func registrationOfRow(row string) string {
	switch strings.IndexByte(row, '~') {
	case 0:
		return row[1:]
	case -1:
		return row + "~"
	}
	return row
}

const registrationColumns = `i.no, i.app_id, i.id, CASE WHEN i.registration THEN '' ELSE coalesce(i.parent, i.id) END, i.kind, i.handle, i.p256dh, i.auth,
	coalesce(i.user_id, ''), i.tags, i.native, i.templates, i.extra, i.expires_at, i.updated_at, i.version`

func readRegistration(row pgx.CollectableRow) (Registration, error) {
	var r Registration
	var native bool
	var templates, extra []byte
	err := row.Scan(&r.no, &r.App, &r.ID, &r.Installation, &r.Kind, &r.Handle, &r.P256dh, &r.Auth,
		&r.User, &r.Tags, &native, &templates, &extra, &r.ExpiresAt, &r.UpdatedAt, &r.Version)
	if err != nil {
		return r, err
	}
	r.ID, r.Extra, r.UpdatedAt = registrationOfRow(r.ID), extra, r.UpdatedAt.UTC()
	r.Tags = slices.DeleteFunc(r.Tags, func(t string) bool { return strings.HasPrefix(t, "user:") })
	if r.ExpiresAt != nil {
		*r.ExpiresAt = r.ExpiresAt.UTC()
	}
	if native {
		return r, nil
	}
	var all map[string]Template
	if err := json.Unmarshal(templates, &all); err != nil {
		return r, err
	}
	for name, t := range all { // one
		r.TemplateName, r.Template = name, &t
	}
	return r, nil
}

func (s *Service) findRegistration(ctx context.Context, app, id string) (Registration, error) {
	const op = "hub.Registration"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+registrationColumns+` FROM hub.installation i
		WHERE i.app_id = $1 AND i.id = $2 AND i.status <> 'retired'`, app, rowOfRegistration(id))
	if err != nil {
		return Registration{}, db.Classify(op, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, readRegistration)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		return r, noRegistration(app, id, err)
	}
	return r, err
}

// lockRegistration holds a registration's row until the transaction ends; nil when there
// is none or it is retired.
func lockRegistration(tx *db.Tx, app, id string) (*Registration, error) {
	const op = "hub.Registration"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+registrationColumns+` FROM hub.installation i
		WHERE i.app_id = $1 AND i.id = $2 AND i.status <> 'retired' FOR UPDATE`, app, rowOfRegistration(id))
	if err != nil {
		return nil, db.Classify(op, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, readRegistration)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &r, db.Classify(op, err)
}

// pageOfRegistrations reads one more than the page holds.
func (s *Service) pageOfRegistrations(ctx context.Context, q RegistrationQuery, expr *tagexpr.Expr, after int64) ([]Registration, error) {
	const op = "hub.Registrations"
	tags, args := expr.SQL(audienceColumns, 5)
	where := `i.app_id = $1 AND i.status <> 'retired' AND i.no > $2 AND ($4 = '' OR i.kind = $4) AND ` + tags
	args = append([]any{q.App, after, q.Limit + 1, q.Kind}, args...)
	from := `hub.installation i`
	if q.Handle != "" {
		n := len(args) + 1
		from = fmt.Sprintf(`(SELECT DISTINCT $1::text AS app_id, kind, handle FROM (SELECT unnest($%d::text[]), unnest($%d::text[])) AS k (kind, handle)) h
			CROSS JOIN LATERAL %s i`, n, n+1, ofHandleSQL)
		kinds, spellings := spellings(q.Handle)
		args = append(args, kinds, spellings)
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+registrationColumns+` FROM `+from+` WHERE `+where+` ORDER BY i.no LIMIT $3`, args...)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	page, err := pgx.CollectRows(rows, readRegistration)
	return page, db.Classify(op, err)
}

// spellings is a handle as each kind would keep it.
func spellings(handle string) (kinds, handles []string) {
	for _, kind := range []string{"apns", "fcm_token", "fcm_fid", "webpush", "wns", "mpns", "adm", "baidu"} {
		kept := handle
		if kind == "apns" {
			kept = strings.ToLower(handle)
		}
		kinds, handles = append(kinds, kind), append(handles, kept)
	}
	return kinds, handles
}
