package azure

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// keepSaid keeps what an installation said beyond the hub's form, or forgets what it
// said before. An installation that is gone again has nothing to keep.
func (s *Service) keepSaid(ctx context.Context, to stored) error {
	const op = "azure.keepSaid"
	if to.plain() {
		_, err := s.db.Pool().Exec(ctx, `DELETE FROM hub.azure_installation WHERE app_id = $1 AND id = $2`, to.App, to.ID)
		return db.Classify(op, err)
	}
	words, err := to.said.raw()
	if err != nil {
		return err
	}
	_, err = s.db.Pool().Exec(ctx, `
		INSERT INTO hub.azure_installation (app_id, id, said)
		SELECT app_id, id, $3 FROM hub.installation WHERE app_id = $1 AND id = $2 FOR KEY SHARE
		ON CONFLICT (app_id, id) DO UPDATE SET said = EXCLUDED.said`, to.App, to.ID, words)
	return db.Classify(op, err)
}

// saidOf is what keepSaid kept.
func (s *Service) saidOf(ctx context.Context, app, name string) (said, error) {
	var raw json.RawMessage
	err := s.db.Pool().QueryRow(ctx, `SELECT said FROM hub.azure_installation WHERE app_id = $1 AND id = $2`, app, name).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return said{}, nil
	}
	return readSaid(raw), db.Classify("azure.saidOf", err)
}

// handlesOf finds handles by registration, retired ones too.
func (s *Service) handlesOf(ctx context.Context, app string, registrations []string) (map[string]string, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT r.name, i.handle FROM unnest($2::text[]) r(name) JOIN hub.installation i ON i.app_id = $1
		AND i.id = CASE WHEN r.name LIKE '%~' THEN left(r.name, -1) WHEN r.name LIKE '%~%' THEN r.name ELSE '~' || r.name END`, app, registrations)
	if err != nil {
		return nil, db.Classify("azure.handlesOf", err)
	}
	out := map[string]string{}
	var name, handle string
	_, err = pgx.ForEachRow(rows, []any{&name, &handle}, func() error { out[name] = handle; return nil })
	return out, db.Classify("azure.handlesOf", err)
}
