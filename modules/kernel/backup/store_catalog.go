package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
)

// tablesOf lists the tables of schemas in an order in which they can be filled: what
// is referred to comes first. Partitions stand for their parent.
func tablesOf(ctx context.Context, tx pgx.Tx, schemas []string) ([]Table, error) {
	const op = "backup.tables"
	rows, err := tx.Query(ctx, `
		SELECT n.nspname, c.relname,
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
			CASE WHEN p.oid IS NULL THEN '' ELSE format('%I.%I', pn.nspname, p.relname) END, coalesce(pg_get_expr(c.relpartbound, c.oid), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
		LEFT JOIN pg_class p ON p.oid = i.inhparent LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
		WHERE c.relkind = 'r' AND n.nspname = ANY($1) ORDER BY n.nspname, c.relname`, schemas)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Table])
	if err != nil {
		return nil, db.Classify(op, err)
	}
	rows, err = tx.Query(ctx, `
		SELECT DISTINCT format('%I.%I', n.nspname, c.relname), format('%I.%I', tn.nspname, t.relname)
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
		WHERE k.contype = 'f' AND c.oid <> t.oid AND n.nspname = ANY($1)`, schemas)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	needs := map[string][]string{}
	var from, to string
	if _, err = pgx.ForEachRow(rows, []any{&from, &to}, func() error { needs[from] = append(needs[from], to); return nil }); err != nil {
		return nil, db.Classify(op, err)
	}
	return inOrder(all, needs)
}

// inOrder puts tables behind those they refer to.
func inOrder(all []Table, needs map[string][]string) ([]Table, error) {
	var out []Table
	done := map[string]bool{}
	for len(all) > 0 {
		ready := func(t Table) bool {
			return !slices.ContainsFunc(needs[t.root()], func(need string) bool { return !done[need] })
		}
		rest := all[:0:0]
		var now []Table
		for _, t := range all {
			if ready(t) {
				now = append(now, t)
			} else {
				rest = append(rest, t)
			}
		}
		if len(now) == 0 {
			return nil, fmt.Errorf("backup: the tables from %s on refer to each other in a circle", all[0].quoted())
		}
		for _, t := range now {
			done[t.root()] = true
		}
		out, all = append(out, now...), rest
	}
	return out, nil
}

// root is the table that others refer to, as format('%I.%I') writes it.
func (t Table) root() string {
	if t.Parent != "" {
		return t.Parent
	}
	return t.Schema + "." + t.Name
}

func (t Table) quoted() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

// copySQL is a COPY of exactly the backup's columns.
func (t Table) copySQL(direction string) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	return "COPY " + t.quoted() + " (" + strings.Join(columns, ", ") + ") " + direction
}

func sequencesOf(ctx context.Context, tx pgx.Tx, schemas []string) ([]Sequence, error) {
	const op = "backup.sequences"
	rows, err := tx.Query(ctx, `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'S' AND n.nspname = ANY($1) ORDER BY n.nspname, c.relname`, schemas)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	var all []Sequence
	var s Sequence
	if _, err := pgx.ForEachRow(rows, []any{&s.Schema, &s.Name}, func() error { all = append(all, s); return nil }); err != nil {
		return nil, db.Classify(op, err)
	}
	for i := range all {
		err := tx.QueryRow(ctx, `SELECT last_value, is_called FROM `+pgx.Identifier{all[i].Schema, all[i].Name}.Sanitize()).Scan(&all[i].Last, &all[i].Called)
		if err != nil {
			return nil, db.Classify(op, err)
		}
	}
	return all, nil
}

// present are those of schemas that the database has.
func present(ctx context.Context, conn *pgx.Conn, schemas []string) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT nspname::text FROM pg_namespace WHERE nspname = ANY($1) ORDER BY 1`, schemas)
	if err != nil {
		return nil, db.Classify("backup.present", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return found, db.Classify("backup.present", err)
}

// others counts the connections of other programs to this database.
func others(ctx context.Context, conn *pgx.Conn) (n int, err error) {
	err = conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&n)
	return n, db.Classify("backup.others", err)
}

// removeHouse drops schemas with everything in them, and the record of migrations.
func removeHouse(ctx context.Context, conn *pgx.Conn, schemas []string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, s := range schemas {
			if _, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{s}.Sanitize()+` CASCADE`); err != nil {
				return db.Classify("backup.remove", err)
			}
		}
		_, err := tx.Exec(ctx, `DROP TABLE IF EXISTS goose_db_version`)
		return db.Classify("backup.remove", err)
	})
}

// countOn lets the server's transaction counter pass to. pace is how many transactions
// are counted between two looks.
func countOn(ctx context.Context, conn *pgx.Conn, to uint64, tell func(left uint64)) error {
	const op, pace = "backup.countOn", 100_000
	if _, err := conn.Exec(ctx, `SET synchronous_commit = off`); err != nil {
		return db.Classify(op, err)
	}
	for {
		var now uint64
		if err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())`).Scan(&now); err != nil {
			return db.Classify(op, err)
		}
		if now > to {
			_, err := conn.Exec(ctx, `RESET synchronous_commit`)
			return db.Classify(op, err)
		}
		tell(to - now)
		_, err := conn.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`, min(pace, to-now+1)))
		if err != nil {
			return db.Classify(op, err)
		}
	}
}
