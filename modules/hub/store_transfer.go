package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// transferRow is a row of hub.transfer.
type transferRow struct {
	ID         id.ID `gorm:"primaryKey"`
	AppID      string
	Format     string
	State      string
	TotalBytes int64
	ReadBytes  int64
	Accepted   int64
	Unchanged  int64
	Rejected   int64
	Faults     string
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

func (transferRow) TableName() string { return "hub.transfer" }

var (
	transferColumns = []string{"id", "app_id", "format", "state", "total_bytes", "read_bytes", "accepted", "unchanged", "rejected", "faults", "created_at", "updated_at"}
	transferFigures = []string{"state", "read_bytes", "accepted", "unchanged", "rejected", "faults", "updated_at"}
)

func rowOfTransfer(t Transfer) (transferRow, error) {
	faults, err := json.Marshal(append([]LineFault{}, t.Faults...))
	if err != nil {
		return transferRow{}, fault.E("hub.Import", fault.Internal, "cannot write the transfer", err)
	}
	return transferRow{ID: t.ID, AppID: t.App, Format: t.Format, State: t.State, TotalBytes: t.TotalBytes, ReadBytes: t.ReadBytes,
		Accepted: t.Accepted, Unchanged: t.Unchanged, Rejected: t.Rejected, Faults: string(faults), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}, nil
}

func (r transferRow) transfer() (Transfer, error) {
	t := Transfer{ID: r.ID, App: r.AppID, Format: r.Format, State: r.State, TotalBytes: r.TotalBytes, ReadBytes: r.ReadBytes,
		Accepted: r.Accepted, Unchanged: r.Unchanged, Rejected: r.Rejected, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
	if err := json.Unmarshal([]byte(r.Faults), &t.Faults); err != nil {
		return t, fault.E("hub.Transfer", fault.Internal, "cannot read the transfer", err)
	}
	return t, nil
}

// insertTransfer claims the transfer's id. Errors: fault.Conflict when it is taken.
func (s *Service) insertTransfer(ctx context.Context, t Transfer) error {
	const op = "hub.Import"
	row, err := rowOfTransfer(t)
	if err != nil {
		return err
	}
	err = db.Classify(op, s.db.ORM(ctx).Select(transferColumns).Create(&row).Error)
	if fault.Is(err, fault.Conflict) {
		return fault.E(op, fault.Conflict, "there is a transfer of that id already", err).WithFix("make a new UUID for each import")
	}
	return err
}

// updateTransfer keeps the figures.
func (s *Service) updateTransfer(ctx context.Context, t *Transfer) error {
	t.UpdatedAt = s.db.Now()
	row, err := rowOfTransfer(*t)
	if err != nil {
		return err
	}
	return db.Classify("hub.Import", s.db.ORM(ctx).Model(&transferRow{}).Where("id = ?", t.ID).Select(transferFigures).Updates(&row).Error)
}

func (s *Service) findTransfer(ctx context.Context, name id.ID) (Transfer, error) {
	const op = "hub.Transfer"
	var row transferRow
	err := db.Classify(op, s.db.ORM(ctx).Select(transferColumns).Where("id = ?", name).Take(&row).Error)
	if fault.Is(err, fault.NotFound) {
		return Transfer{}, fault.E(op, fault.NotFound, fmt.Sprintf("there is no transfer %s", name), err).WithFix("GET /v1/transfers lists them")
	}
	if err != nil {
		return Transfer{}, err
	}
	return row.transfer()
}

// transferList is how many transfers a list shows.
const transferList = 100

func (s *Service) listTransfers(ctx context.Context, app string) ([]Transfer, error) {
	var rows []transferRow
	err := s.db.ORM(ctx).Select(transferColumns).Where("app_id = ?", app).Order("id DESC").Limit(transferList).Find(&rows).Error
	if err != nil {
		return nil, db.Classify("hub.Transfers", err)
	}
	list := make([]Transfer, len(rows))
	for i, r := range rows {
		if list[i], err = r.transfer(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// interruptTransfers says of imports that a stopped process left behind that they
// are interrupted. One that still runs on another replica says otherwise with its
// next batch.
func (s *Service) interruptTransfers(ctx context.Context) error {
	err := s.db.ORM(ctx).Model(&transferRow{}).Where("state = ?", transferRunning).
		Updates(map[string]any{"state": transferInterrupted, "updated_at": s.db.Now()}).Error
	return db.Classify("hub.interruptTransfers", err)
}

// vacuumInstallations brings PostgreSQL's statistics and its visibility map up to date, so
// that the next send is cut by the index alone: else it looks each new row up in the table,
// a second for a million of them. Autovacuum would come to it in its own time, and does
// where this fails.
func (s *Service) vacuumInstallations(ctx context.Context) {
	if _, err := s.db.Pool().Exec(ctx, `VACUUM (ANALYZE, SKIP_LOCKED, TRUNCATE false) hub.installation`); err != nil {
		s.log.Warn("the imported installations are not vacuumed yet", "error", err)
	}
}
