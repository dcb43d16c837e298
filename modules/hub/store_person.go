package hub

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// received is one delivery to an installation, or what was done with it.
type received struct {
	Installation string    `json:"installation"`
	App          string    `json:"app"`
	Notification id.ID     `json:"notification"`
	What         string    `json:"what"` // a delivery's state, "open" or "click"
	At           time.Time `json:"at"`
	interaction  bool
}

func (r received) section() string {
	if r.interaction {
		return "interaction"
	}
	return "delivery"
}

func (s *Service) installationsOfUser(ctx context.Context, user string) ([]Installation, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+installationColumns+` FROM hub.installation i WHERE lower(i.user_id) = lower($1) ORDER BY i.no`, user)
	if err != nil {
		return nil, db.Classify("hub.ExportPerson", err)
	}
	list, err := pgx.CollectRows(rows, readInstallation)
	return list, db.Classify("hub.ExportPerson", err)
}

// receivedBy reads what was sent to an installation and done there, the oldest
// first. Deliveries are found by the chunks that cover its number: they have no
// index by installation.
func (s *Service) receivedBy(ctx context.Context, in Installation) ([]received, error) {
	const op = "hub.ExportPerson"
	rows, err := s.db.Pool().Query(ctx, `SELECT n.id, n.app_id, x.what, x.at, x.interaction FROM (
			SELECT d.notification_no, d.state AS what, d.at, false AS interaction
			FROM hub.chunk c JOIN hub.delivery d ON d.chunk_no = c.no AND d.installation_no = $1
			WHERE c.service = $2 AND $1 BETWEEN c.no_from AND c.no_to
			UNION ALL
			SELECT notification_no, what, at, true FROM hub.interaction WHERE installation_no = $1
		) x JOIN hub.notification n ON n.no = x.notification_no ORDER BY x.at, x.interaction, n.no`, in.no, string(in.Service))
	if err != nil {
		return nil, db.Classify(op, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (received, error) {
		r := received{Installation: in.ID}
		err := row.Scan(&r.Notification, &r.App, &r.What, &r.At, &r.interaction)
		r.At = r.At.UTC()
		return r, err
	})
	return list, db.Classify(op, err)
}

// deleteInstallationsOfUser removes a user's installations and what is kept by
// their numbers. What waits for one of them finds it gone and settles by itself.
func (s *Service) deleteInstallationsOfUser(ctx context.Context, user string) error {
	_, err := s.db.Pool().Exec(ctx, `WITH gone AS (
			DELETE FROM hub.installation WHERE lower(user_id) = lower($1) RETURNING no
		), opened AS (
			DELETE FROM hub.interaction WHERE installation_no IN (SELECT no FROM gone)
		), left_segments AS (
			DELETE FROM hub.segment_member WHERE person = lower($1)
		)
		DELETE FROM hub.frequency WHERE installation_no IN (SELECT no FROM gone)`, user)
	return db.Classify("hub.ErasePerson", err)
}
