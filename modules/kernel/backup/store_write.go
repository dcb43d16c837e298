package backup

import (
	"bufio"
	"context"
	"io"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Source says what is backed up.
type Source struct {
	URL      string   // of the database
	Schemas  []string // of the house
	Usher    string   // version of the program
	SealedBy string   // Fingerprint of its key
	Now      time.Time
	Progress Progress
}

// Write writes a backup of one snapshot to out, beside a running Usher too. It returns
// the backup's sum. Errors: fault.Conflict when there is nothing to back up.
func Write(ctx context.Context, src Source, out io.Writer) (Header, Sum, error) {
	const op = "backup.Write"
	var h Header
	var total Sum
	conn, err := connect(ctx, src.URL)
	if err != nil {
		return h, total, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		tables, err := head(ctx, tx, src, &h)
		if err != nil {
			return err
		}
		f, err := newFrames(out)
		if err != nil {
			return fault.E(op, fault.Internal, "cannot write the backup", err)
		}
		if err := f.tell(frameHeader, h); err != nil {
			return fault.E(op, fault.Internal, "cannot write the backup", err)
		}
		for i, t := range tables {
			src.Progress(t.Schema+"."+t.Name, i, len(tables), total.Bytes)
			s, err := writeTable(ctx, tx, f, t)
			if err != nil {
				return err
			}
			total.Tables, total.Rows, total.Bytes = total.Tables+1, total.Rows+s.Rows, total.Bytes+s.Bytes
		}
		src.Progress("", len(tables), len(tables), total.Bytes)
		return f.last(Sum{Tables: total.Tables, Rows: total.Rows})
	})
	return h, total, err
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	const op = "backup.Connect"
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "database.url is not a PostgreSQL URL", err)
	}
	// What COPY writes depends on these.
	maps.Copy(cfg.RuntimeParams, map[string]string{"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "3",
		"bytea_output": "hex", "client_encoding": "UTF8", "application_name": "usher backup"})
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fault.E(op, fault.Transient, "cannot reach PostgreSQL", err).WithFix("check database.url and that the server accepts connections")
	}
	return conn, nil
}

// head fills in the header and lists the tables.
func head(ctx context.Context, tx pgx.Tx, src Source, h *Header) ([]Table, error) {
	const op = "backup.Write"
	*h = Header{Format: format, MadeAt: src.Now.UTC(), Usher: src.Usher, SealedBy: src.SealedBy}
	var there bool
	err := tx.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL, current_setting('server_version'), pg_snapshot_xmax(pg_current_snapshot())`).
		Scan(&there, &h.PostgreSQL, &h.Counter)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	if !there {
		return nil, fault.E(op, fault.Conflict, "there is nothing to back up: this database is not an Usher's", nil).
			WithFix("give the --config or --data-dir that `usher serve` runs with")
	}
	if err := tx.QueryRow(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&h.Schema); err != nil {
		return nil, db.Classify(op, err)
	}
	if h.Sequences, err = sequencesOf(ctx, tx, src.Schemas); err != nil {
		return nil, err
	}
	tables, err := tablesOf(ctx, tx, src.Schemas)
	h.Tables = len(tables)
	return tables, err
}

func writeTable(ctx context.Context, tx pgx.Tx, f *frames, t Table) (Sum, error) {
	if err := f.tell(frameTable, t); err != nil {
		return Sum{}, fault.E("backup.Write", fault.Internal, "cannot write the backup", err)
	}
	out := bufio.NewWriterSize(pieces{f}, maxPiece)
	s, err := sumOf(ctx, tx, t, out)
	if err != nil {
		return s, err
	}
	if err := out.Flush(); err != nil {
		return s, fault.E("backup.Write", fault.Internal, "cannot write the backup", err)
	}
	if err := f.tell(frameEnd, s); err != nil {
		return s, fault.E("backup.Write", fault.Internal, "cannot write the backup", err)
	}
	return s, nil
}

// sumOf copies a table's rows to out and sums them up.
func sumOf(ctx context.Context, tx pgx.Tx, t Table, out io.Writer) (Sum, error) {
	r := newRows(out)
	if _, err := tx.Conn().PgConn().CopyTo(ctx, r, t.copySQL("TO STDOUT")); err != nil {
		return Sum{}, db.Classify("backup.Copy", err)
	}
	return r.total(), nil
}
