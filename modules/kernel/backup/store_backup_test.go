package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func silent(string, int, int, int64) {}

func schemas(t *testing.T) []string {
	t.Helper()
	all, err := Schemas(dbtest.Migrations())
	if err != nil || len(all) < 8 {
		t.Fatal(all, err)
	}
	return all
}

// sample is what a busy house could hold: a partition of its own, text of every
// sort, rows that triggers keep, sequences that have moved.
const sample = `
	CREATE TABLE stream.log_20300102 PARTITION OF stream.log FOR VALUES FROM ('2030-01-02') TO ('2030-01-03');
	INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
		SELECT d, n % 16, 'sales.orders_placed', 'k', 's', n::text, d, now(), jsonb_build_object('n', n, 'text', E'tab\t newline\n back\\slash ü €')
		FROM generate_series(1, 3000) n, (VALUES (date '2030-01-02'), (date '1999-01-01')) v(d);
	INSERT INTO stream.cursor (listener, partition, xid, id) SELECT 'x', p, '5', 7 FROM generate_series(0, 15) p;
	INSERT INTO queue.outbox (id, name, queue, payload, run_at, timeout_ms, retries, created_at, failed_at, error)
		SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN E'\\N' ELSE '' END, 'house', '{}', now(), 1, n, now(), CASE WHEN n % 3 = 0 THEN now() END, CASE WHEN n % 5 = 0 THEN '' END
		FROM generate_series(1, 500) n;
	INSERT INTO web.idempotency (caller, endpoint, key, body_hash, status, body, created_at)
		SELECT 'c', 'e', n::text, decode(md5(n::text), 'hex'), 200, '\x00ff0a09'::bytea, now() FROM generate_series(1, 100) n;
	SELECT setval(pg_get_serial_sequence('stream.log', 'id'), 123456);`

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, url, sql string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func save(t *testing.T, url string) ([]byte, Header, Sum) {
	t.Helper()
	var file bytes.Buffer
	h, s, err := Write(t.Context(), Source{URL: url, Schemas: schemas(t), Usher: "test", Now: time.Now(), Progress: silent}, &file)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), h, s
}

func target(t *testing.T, url string, force bool) Target {
	t.Helper()
	return Target{URL: url, Schemas: schemas(t), Force: force, Progress: silent, Migrate: func(ctx context.Context, version int64) error {
		d, err := db.Open(ctx, db.Config{URL: url, MaxConns: 4}, clock.System{})
		if err != nil {
			return err
		}
		defer d.Close()
		_, err = db.MigrateTo(ctx, d.SQL(), dbtest.Migrations(), version)
		return err
	}}
}

func restore(t *testing.T, file []byte, to Target, change func(*Reader)) (Sum, error) {
	t.Helper()
	r, err := Open(bytes.NewReader(file))
	if err != nil {
		return Sum{}, err
	}
	if change != nil {
		change(r)
	}
	return r.Restore(t.Context(), to)
}

func TestWhatIsRestoredIsWhatWasSaved(t *testing.T) {
	from, to := dbtest.URL(t), dbtest.URL(t)
	exec(t, from, sample)
	file, h, saved := save(t, from)
	exec(t, to, sample) // what is there is destroyed, with --force alone
	if _, err := restore(t, file, target(t, to, false), nil); fault.CodeOf(err) != fault.Conflict || number(t, to, `SELECT count(*) FROM queue.outbox`) != 500 {
		t.Fatal("a house was overwritten", err)
	}
	restored, err := restore(t, file, target(t, to, true), nil)
	if err != nil || restored != saved {
		t.Fatal(restored, saved, err)
	}
	_, again, sum := save(t, to)
	if sum != saved || fmt.Sprint(again.Sequences) != fmt.Sprint(h.Sequences) || again.Tables != h.Tables {
		t.Errorf("saved %v, saved again %v; sequences %v, %v", saved, sum, h.Sequences, again.Sequences)
	}
	if n := number(t, to, `SELECT count(*) FROM stream.log_20300102`); n != 3000 {
		t.Errorf("the partition has %d rows", n)
	}
	// Triggers watch again.
	if n := number(t, to, `SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'D'`); n != 0 {
		t.Errorf("%d triggers stayed silent", n)
	}
}

// Facts of a server whose counter was far ahead are older than every open transaction
// of the new one: listeners would never read them otherwise.
func TestFactsAreOlderThanTheRestoredServersTransactions(t *testing.T) {
	from, to := dbtest.URL(t), dbtest.URL(t)
	ahead := number(t, from, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`) + 150_000
	exec(t, from, fmt.Sprintf(`INSERT INTO stream.log (day, partition, xid, type, key, source, source_id, time, received_at, data)
		VALUES ('2030-01-02', 1, '%d', 't', 'k', 's', '1', now(), now(), '{}')`, ahead-1))
	file, _, _ := save(t, from)
	_, err := restore(t, file, target(t, to, true), func(r *Reader) { r.Header.Counter = uint64(ahead) })
	if err != nil {
		t.Fatal(err)
	}
	if n := number(t, to, `SELECT count(*) FROM stream.log WHERE xid < pg_snapshot_xmin(pg_current_snapshot())`); n != 1 {
		t.Error("no listener would read the restored fact")
	}
}

// A backup with one bit wrong, or cut off, is refused, and nothing of it stays.
func TestADamagedBackupIsRefused(t *testing.T) {
	from, to := dbtest.URL(t), dbtest.URL(t)
	exec(t, from, sample)
	file, _, _ := save(t, from)
	for i := range 6 {
		at := (len(file) - 1) * i / 5
		bad := bytes.Clone(file)
		if bad[at] ^= 4; i%2 == 1 {
			bad = bad[:at]
		}
		if at < 10 && i%2 == 0 { // gzip's own header says little that matters
			continue
		}
		if _, err := restore(t, bad, target(t, to, true), nil); err == nil {
			t.Fatalf("a backup that is wrong from byte %d on was restored", at)
		}
		if n := number(t, to, `SELECT count(*) FROM pg_namespace WHERE nspname IN ('stream', 'queue')`); n != 0 && i > 1 {
			t.Fatalf("byte %d: something of a damaged backup stayed", at)
		}
	}
}

// A file whose parts are well packed but do not add up is refused too: rows left out,
// doubled, or of another table.
func TestASumThatIsWrongIsRefused(t *testing.T) {
	to := dbtest.URL(t)
	for what, change := range map[string]func(f *frames) error{
		"a row less": func(f *frames) error {
			return f.tell(frameEnd, Sum{Rows: 2, Bytes: 4, SHA256: "x"})
		},
		"the wrong total": func(f *frames) error {
			s := newRows(&bytes.Buffer{})
			_, _ = s.Write([]byte("x\t1\t5\t7\t0\t\\N\n"))
			return f.tell(frameEnd, s.total())
		},
	} {
		var file bytes.Buffer
		f, err := newFrames(&file)
		if err != nil {
			t.Fatal(err)
		}
		version := number(t, dbtest.URL(t), `SELECT max(version_id) FROM goose_db_version`)
		for _, err := range []error{
			f.tell(frameHeader, Header{Format: format, Schema: version, Tables: 1}),
			f.tell(frameTable, Table{Schema: "stream", Name: "cursor", Columns: strings.Fields("listener partition xid id failures moved_at")}),
			f.write(frameData, []byte("x\t1\t5\t7\t0\t\\N\n")),
			change(f),
			f.last(Sum{Tables: 1, Rows: 7}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := restore(t, file.Bytes(), target(t, to, true), nil); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWhatCannotBeRestoredIsRefusedBeforeAnythingHappens(t *testing.T) {
	url := dbtest.URL(t)
	file, _, _ := save(t, url)
	if _, err := restore(t, file, target(t, url, true), func(r *Reader) { r.Header.Schema = 9999 }); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a newer schema: %v", err)
	}
	used := dbtest.New(t)
	if _, err := restore(t, file, target(t, used.Pool().Config().ConnString(), true), nil); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a database in use: %v", err)
	}
	for what, bad := range map[string][]byte{"nothing": nil, "text": []byte("CREATE TABLE x"), "gzip of something": gzipped(t, "hello, this is no backup")} {
		if _, err := Open(bytes.NewReader(bad)); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	f, err := newFrames(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.raw([]byte(text)); err != nil || f.out.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The rows are of one instant, however long it takes: what two tables say of the same
// thing agrees, while they are written to.
func TestABackupIsOfOneInstant(t *testing.T) {
	from, to := dbtest.URL(t), dbtest.URL(t)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		conn, err := pgx.Connect(context.Background(), from)
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close(context.Background())
		for n := 0; ; n++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			_, err := conn.Exec(context.Background(), fmt.Sprintf(`WITH a AS (INSERT INTO queue.tick (name, at) VALUES ('%[1]d', now()))
				INSERT INTO stream.cursor (listener, partition) VALUES ('%[1]d', 0)`, n))
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	time.Sleep(50 * time.Millisecond) // some rows; how many does not matter
	file, _, _ := save(t, from)
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, file, target(t, to, true), nil); err != nil {
		t.Fatal(err)
	}
	ticks, cursors := number(t, to, `SELECT count(*) FROM queue.tick`), number(t, to, `SELECT count(*) FROM stream.cursor`)
	if ticks != cursors || ticks == 0 {
		t.Errorf("%d ticks, %d cursors", ticks, cursors)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("usher backup\n"))
	f.Add(binary.BigEndian.AppendUint32([]byte{31, 139, 8, 0}, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Open(bytes.NewReader(b)); err == nil && r.Header.Format != format {
			t.Error(r.Header)
		}
	})
}
