package azure

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// sealed is the context under which a job's URLs are sealed.
func sealed(job id.ID) []byte { return []byte("azure job|" + job.String()) }

func (s *Service) insertJob(ctx context.Context, tx *db.Tx, j *job) error {
	output, err := s.keys.Seal.Seal([]byte(j.Output), sealed(j.ID))
	if err != nil {
		return err
	}
	var input []byte
	if j.Input != "" {
		if input, err = s.keys.Seal.Seal([]byte(j.Input), sealed(j.ID)); err != nil {
			return err
		}
	}
	_, err = tx.Conn().Exec(ctx, `INSERT INTO hub.azure_job (id, app_id, type, state, output, input, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
		j.ID, j.App, j.Type, j.State, output, input, j.CreatedAt)
	return db.Classify("azure.insertJob", err)
}

const jobColumns = `id, app_id, type, state, output, input, progress, done, failed, failure, created_at, updated_at`

// scanJob reads a row and opens its URLs.
func (s *Service) scanJob(row pgx.CollectableRow) (job, error) {
	var j job
	var output, input []byte
	err := row.Scan(&j.ID, &j.App, &j.Type, &j.State, &output, &input, &j.Progress, &j.Done, &j.Failed, &j.Failure, &j.CreatedAt, &j.UpdatedAt)
	if err != nil {
		return j, err
	}
	plain, err := s.keys.Seal.Open(output, sealed(j.ID))
	if err != nil {
		return j, err
	}
	j.Output = string(plain)
	if input != nil {
		if plain, err = s.keys.Seal.Open(input, sealed(j.ID)); err != nil {
			return j, err
		}
		j.Input = string(plain)
	}
	return j, nil
}

// findJob finds one of an app's; app "" is any. Errors: fault.NotFound.
func (s *Service) findJob(ctx context.Context, app string, name id.ID) (job, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+jobColumns+` FROM hub.azure_job WHERE id = $1 AND ($2 = '' OR app_id = $2)`, name, app)
	if err != nil {
		return job{}, db.Classify(opJob, err)
	}
	j, err := pgx.CollectExactlyOneRow(rows, s.scanJob)
	if err = db.Classify(opJob, err); fault.Is(err, fault.NotFound) {
		return j, fault.E(opJob, fault.NotFound, "There is no job of that id.", err)
	}
	return j, err
}

// jobList is how many jobs a list shows.
const jobList = 100

func (s *Service) listJobs(ctx context.Context, app string) ([]job, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+jobColumns+` FROM hub.azure_job WHERE app_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, app, jobList)
	if err != nil {
		return nil, db.Classify(opJob, err)
	}
	list, err := pgx.CollectRows(rows, s.scanJob)
	return list, db.Classify(opJob, err)
}

// keepJob writes down how far a job is.
func (s *Service) keepJob(ctx context.Context, j *job) error {
	j.UpdatedAt = s.db.Now()
	_, err := s.db.Pool().Exec(ctx, `UPDATE hub.azure_job SET state = $2, progress = $3, done = $4, failed = $5, failure = $6, updated_at = $7 WHERE id = $1`,
		j.ID, j.State, j.Progress, j.Done, j.Failed, j.Failure, j.UpdatedAt)
	return db.Classify(opJob, err)
}

// countRegistrations is how many an export has to write, roughly: for its progress figure.
func (s *Service) countRegistrations(ctx context.Context, app string) (n int64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM hub.installation WHERE app_id = $1 AND status = 'active'`, app).Scan(&n)
	return n, db.Classify(opJob, err)
}
