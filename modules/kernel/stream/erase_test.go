package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

// Erase takes the facts of the types asked for, before the instant, of the one value; all
// others stay, however many transactions it takes.
func TestErase(t *testing.T) {
	noon := time.Date(2027, 7, 10, 12, 0, 0, 0, time.UTC)
	d := dbtest.New(t, dbtest.WithClock(clock.At(noon)))
	s := New(d, Config{}, nil)
	_, err := d.Pool().Exec(t.Context(), `INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
		SELECT ($1::timestamptz)::date, 3, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 'k', '/s', i::text, $1::timestamptz + i * interval '1 second', $1, jsonb_build_object('who', 'w' || i % 3)
		FROM generate_series(0, 11999) i`, noon.Add(-6*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	count := func(where string) (n int) {
		t.Helper()
		if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM stream.log WHERE `+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	n, err := s.Erase(t.Context(), []string{"a"}, "who", "w1", noon)
	if err != nil || n != 2000 || count("type = 'a'") != 4000 || count("type = 'b'") != 6000 || count("type = 'a' AND data ->> 'who' = 'w1'") != 0 {
		t.Fatal(n, err, count("type = 'a'"), count("type = 'b'"))
	}
	half := noon.Add(-6*time.Hour + 6000*time.Second)
	if n, err = s.Erase(t.Context(), []string{"a", "b"}, "", "", half); err != nil || count(fmt.Sprintf("time < '%s'", half.Format(time.RFC3339))) != 0 || count("true") != 5000 {
		t.Fatal(n, err, count("true"))
	}
}
