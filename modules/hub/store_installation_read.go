package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const installationColumns = `i.no, i.app_id, i.id, i.service, i.kind, i.handle, i.p256dh, i.auth, i.topic, coalesce(i.user_id, ''), i.locale,
	i.zone, i.currency, i.units, i.quiet_from, i.quiet_to, i.tags, i.attributes, i.templates, i.status, i.status_reason, i.status_at,
	i.handle_at, i.expires_at, i.created_at, i.updated_at, i.version`

func readInstallation(row pgx.CollectableRow) (Installation, error) {
	var in Installation
	var service string
	var from, to *int16
	var attributes, templates []byte
	err := row.Scan(&in.no, &in.App, &in.ID, &service, &in.Kind, &in.Handle, &in.P256dh, &in.Auth, &in.Topic, &in.User, &in.Locale,
		&in.Zone, &in.Currency, &in.Units, &from, &to, &in.Tags, &attributes, &templates, &in.Status, &in.StatusReason, &in.StatusAt,
		&in.HandleAt, &in.ExpiresAt, &in.CreatedAt, &in.UpdatedAt, &in.Version)
	if err != nil {
		return in, err
	}
	in.Service, in.Quiet = push.Service(service), quiet(from, to)
	in.Tags = slices.DeleteFunc(in.Tags, func(t string) bool { return strings.HasPrefix(t, "user:") })
	if attributes != nil {
		err = json.Unmarshal(attributes, &in.Props)
	}
	if err == nil && templates != nil {
		err = json.Unmarshal(templates, &in.Templates)
	}
	in.inUTC()
	return in, err
}

func (in *Installation) inUTC() {
	in.HandleAt, in.CreatedAt, in.UpdatedAt = in.HandleAt.UTC(), in.CreatedAt.UTC(), in.UpdatedAt.UTC()
	if in.StatusAt != nil {
		*in.StatusAt = in.StatusAt.UTC()
	}
	if in.ExpiresAt != nil {
		*in.ExpiresAt = in.ExpiresAt.UTC()
	}
}

func noInstallation(app, installation string, err error) *fault.Error {
	return fault.E("hub.Installation", fault.NotFound, fmt.Sprintf("app %q has no installation %q", app, clip(installation)), err).
		WithFix("register it with PUT /v1/installations/:id")
}

func (s *Service) findInstallation(ctx context.Context, app, installation string) (Installation, error) {
	const op = "hub.Installation"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+installationColumns+` FROM hub.installation i WHERE i.app_id = $1 AND i.id = $2 AND i.parent IS NULL`, app, installation)
	if err != nil {
		return Installation{}, db.Classify(op, err)
	}
	in, err := pgx.CollectExactlyOneRow(rows, readInstallation)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		return in, noInstallation(app, installation, err)
	}
	return in, err
}

// lockInstallation holds an installation's row until the transaction ends; nil
// when there is none.
func lockInstallation(tx *db.Tx, app, installation string) (*Installation, error) {
	const op = "hub.Installation"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+installationColumns+` FROM hub.installation i
		WHERE i.app_id = $1 AND i.id = $2 AND i.parent IS NULL AND NOT i.registration FOR UPDATE`, app, installation)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found, err := pgx.CollectRows(rows, readInstallation)
	if err != nil || len(found) == 0 {
		return nil, db.Classify(op, err)
	}
	return &found[0], nil
}

// removeInstallation forgets a row, and its templates' rows with it; another one of its
// handle takes its place.
func (s *Service) removeInstallation(ctx context.Context, app, installation string) error {
	return s.again(ctx, func(tx *db.Tx) error {
		var h handles
		var kind, handle string
		err := tx.Conn().QueryRow(ctx, `DELETE FROM hub.installation WHERE app_id = $1 AND id = $2 AND parent IS NULL RETURNING kind, handle`,
			app, installation).Scan(&kind, &handle)
		if errors.Is(err, pgx.ErrNoRows) {
			return noInstallation(app, installation, nil)
		}
		if err != nil {
			return db.Classify("hub.DeleteInstallation", err)
		}
		h.add(app, kind, handle)
		return h.settle(tx)
	})
}

// where is the condition of a selection; its placeholders are $1 … $3 and those
// of the tag expression after them.
func (sel selection) where() (string, []any) {
	tags, args := sel.expr.SQL(audienceColumns, 4)
	rows := "i.main" // each phone once
	if sel.whole {
		rows = "i.parent IS NULL AND NOT i.registration"
	}
	return `i.app_id = $1 AND ` + rows + ` AND ($2 = '' OR i.status = $2) AND ($3 = '' OR i.service = $3) AND ` + tags,
		append([]any{sel.App, sel.Status, string(sel.Service)}, args...)
}

// pageOfInstallations reads at most limit installations of sel whose number is above after.
func (s *Service) pageOfInstallations(ctx context.Context, sel selection, after int64, limit int) ([]Installation, error) {
	const op = "hub.Installations"
	where, args := sel.where()
	n := len(args)
	rows, err := s.db.Pool().Query(ctx, fmt.Sprintf(`SELECT %s FROM hub.installation i WHERE %s AND i.no > $%d ORDER BY i.no LIMIT $%d`,
		installationColumns, where, n+1, n+2), append(args, after, limit)...)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	page, err := pgx.CollectRows(rows, readInstallation)
	return page, db.Classify(op, err)
}

func (s *Service) countInstallations(ctx context.Context, sel selection) (n int64, err error) {
	where, args := sel.where()
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM hub.installation i WHERE `+where, args...).Scan(&n)
	return n, db.Classify("hub.Installations", err)
}
