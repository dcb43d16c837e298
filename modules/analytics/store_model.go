package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// The states of a model.
const (
	modelActive   = "active"   // forecasts are made with it
	modelFormer   = "former"   // they were
	modelRejected = "rejected" // it was worse than the one in use
)

// ModelInfo is a line of the registry.
type ModelInfo struct {
	Version    int              `json:"version"`
	State      string           `json:"state"`
	Reason     string           `json:"reason"` // why it was trained
	TrainedAt  time.Time        `json:"trained_at"`
	Events     int              `json:"events"`
	Days       int              `json:"days"`
	From       *time.Time       `json:"from"` // dates of the first and the last event
	To         *time.Time       `json:"to"`
	Verdict    string           `json:"verdict"` // why it is, or is not, used
	PromotedBy string           `json:"promoted_by,omitempty"`
	PromotedAt *time.Time       `json:"promoted_at"`
	Report     *forecast.Report `json:"backtest"`
	Live       *TrackRecord     `json:"live,omitempty"` // what happened to forecasts, where that changed what is served
	Model      *forecast.Model  `json:"model,omitempty"`
}

const modelColumns = `version, state, reason, trained_at, events, days, from_date, to_date, verdict, promoted_by, promoted_at, report, live`

func scanModel(r pgx.CollectableRow) (m ModelInfo, err error) {
	err = r.Scan(&m.Version, &m.State, &m.Reason, &m.TrainedAt, &m.Events, &m.Days, &m.From, &m.To, &m.Verdict, &m.PromotedBy, &m.PromotedAt, &m.Report, &m.Live)
	m.TrainedAt = m.TrainedAt.UTC()
	return m, err
}

// models are the registry, the newest first.
func (s *Service) models(ctx context.Context, limit int) ([]ModelInfo, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+modelColumns+` FROM analytics.model ORDER BY version DESC LIMIT $1`, limit)
	if err != nil {
		return nil, db.Classify("analytics.models", err)
	}
	out, err := pgx.CollectRows(rows, scanModel)
	return out, db.Classify("analytics.models", err)
}

// modelOf is one with its coefficients. Errors: fault.NotFound.
func (s *Service) modelOf(ctx context.Context, version int) (*ModelInfo, error) {
	return s.oneModel(ctx, `version = $1`, version)
}

// activeModel is the one in use; nil when none was trained by this version of Usher.
func (s *Service) activeModel(ctx context.Context) (*ModelInfo, error) {
	m, err := s.oneModel(ctx, `state = $1`, modelActive)
	if fault.Is(err, fault.NotFound) || err == nil && m.Model.Version != forecast.ModelVersion {
		return nil, nil //nolint:nilnil // documented: there may be none
	}
	return m, err
}

func (s *Service) oneModel(ctx context.Context, where string, arg any) (*ModelInfo, error) {
	const op = "analytics.Model"
	rows, err := s.db.Pool().Query(ctx, `SELECT `+modelColumns+`, model FROM analytics.model WHERE `+where, arg)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, func(r pgx.CollectableRow) (m ModelInfo, err error) {
		err = r.Scan(&m.Version, &m.State, &m.Reason, &m.TrainedAt, &m.Events, &m.Days, &m.From, &m.To, &m.Verdict, &m.PromotedBy, &m.PromotedAt, &m.Report, &m.Live, &m.Model)
		m.TrainedAt = m.TrainedAt.UTC()
		return m, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.E(op, fault.NotFound, "there is no such model", nil).WithFix("GET /v1/models lists them")
	}
	return &m, db.Classify(op, err)
}

// insertModel keeps a trained model. One that is to be active takes the place of the one
// that was.
func insertModel(tx *db.Tx, m ModelInfo) (version int, err error) {
	if m.State == modelActive {
		if err := retire(tx); err != nil {
			return 0, err
		}
	}
	err = tx.Conn().QueryRow(tx.Ctx(), `INSERT INTO analytics.model (state, reason, trained_at, events, days, from_date, to_date, model, report, verdict, promoted_by, promoted_at, live)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING version`,
		m.State, m.Reason, tx.Now(), m.Events, m.Days, m.From, m.To, m.Model, m.Report, m.Verdict, m.PromotedBy, m.PromotedAt, m.Live).Scan(&version)
	return version, db.Classify("analytics.insertModel", err)
}

func retire(tx *db.Tx) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.model SET state = $1 WHERE state = $2`, modelFormer, modelActive)
	return db.Classify("analytics.retire", err)
}

// keepLive keeps what happened to forecasts.
func keepLive(tx *db.Tx, version int, live *TrackRecord) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.model SET live = $2 WHERE version = $1`, version, live)
	return db.Classify("analytics.keepLive", err)
}

// rejectAfter has the models after a version not used any more.
func rejectAfter(tx *db.Tx, version int, verdict string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.model SET state = $2, verdict = $3 WHERE version > $1 AND state = $4`, version, modelRejected, verdict, modelFormer)
	return db.Classify("analytics.rejectAfter", err)
}

// promoteModel makes a version the active one. Errors: fault.NotFound.
func promoteModel(tx *db.Tx, version int, by, verdict string) error {
	if err := retire(tx); err != nil {
		return err
	}
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.model SET state = $2, promoted_by = $3, promoted_at = $4, verdict = $5, live = NULL WHERE version = $1`, version, modelActive, by, tx.Now(), verdict)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.E("analytics.Promote", fault.NotFound, "there is no such model", nil).WithFix("GET /v1/models lists them")
	}
	return db.Classify("analytics.Promote", err)
}

// modelsKept is how many former and rejected ones are kept.
const modelsKept = 60

func forgetModels(tx *db.Tx) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM analytics.model WHERE state <> $1 AND version <= (SELECT max(version) FROM analytics.model) - $2`, modelActive, modelsKept)
	return db.Classify("analytics.forgetModels", err)
}
