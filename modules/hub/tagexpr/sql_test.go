package tagexpr_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

var columns = tagexpr.Columns{Tags: "tags", InstallationID: "lower(id)", UserID: "user_id", Members: "member"}

func seeded(seed uint64) draw { return rand.New(rand.NewPCG(seed, 0)).IntN }

func TestSQLShape(t *testing.T) {
	for expr, want := range map[string]struct {
		where string
		args  []any
	}{
		"":                     {"TRUE", nil},
		"VIP":                  {"tags @> $3", []any{[]string{"vip"}}},
		"a && b && c":          {"(tags @> $3)", []any{[]string{"a", "b", "c"}}},
		"a || (b || c)":        {"(tags && $3)", []any{[]string{"a", "b", "c"}}},
		"a && !b && c":         {"(tags @> $3 AND NOT (tags @> $4))", []any{[]string{"a", "c"}, []string{"b"}}},
		"!(a || b)":            {"NOT ((tags && $3))", []any{[]string{"a", "b"}}},
		"a || b && c":          {"(tags && $3 OR (tags @> $4))", []any{[]string{"a"}, []string{"b", "c"}}},
		"$InstallationId:{Ab}": {"lower(id) = $3", []any{"ab"}},
		"x || $UserId:{Bo}":    {"(tags && $3 OR (user_id IS NOT NULL AND user_id = $4))", []any{[]string{"x"}, "bo"}},
		"x && !$Segment:{3}":   {"(tags @> $3 AND NOT ((user_id IS NOT NULL AND user_id IN (SELECT person FROM member WHERE segment = $4))))", []any{[]string{"x"}, "3"}},
	} {
		e, err := tagexpr.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		if where, args := e.SQL(columns, 3); where != want.where || !reflect.DeepEqual(args, want.args) {
			t.Errorf("%q\n got %s %v\nwant %s %v", expr, where, args, want.where, want.args)
		}
	}
}

// TestSQLAgreesWithMatch compares, for 10,000 random expressions, the rows that
// PostgreSQL finds with those the evaluator accepts.
func TestSQLAgreesWithMatch(t *testing.T) {
	const rows, queries = 200, 100
	pick := seeded(20)
	devices := make([]device, rows)
	for i := range devices {
		devices[i] = pick.device()
	}
	err := dbtest.New(t).InTx(t.Context(), func(tx *db.Tx) error {
		fill(t, tx, devices)
		for range queries {
			compare(t, tx, devices, pick)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// compare runs a hundred random expressions in one query, each with
// placeholders of its own.
func compare(t *testing.T, tx *db.Tx, devices []device, pick draw) {
	t.Helper()
	var exprs [100]*tagexpr.Expr
	var got [len(exprs)][]int32
	var selects []string
	var args, into []any
	for i := range exprs {
		e, err := tagexpr.Parse(pick.expression(1 + pick(3)).text)
		if err != nil {
			t.Fatal(err)
		}
		where, more := e.SQL(columns, 1+len(args))
		exprs[i], args, into = e, append(args, more...), append(into, &got[i])
		selects = append(selects, "ARRAY(SELECT n FROM device WHERE "+where+" ORDER BY n)")
	}
	if err := tx.Conn().QueryRow(tx.Ctx(), "SELECT "+strings.Join(selects, ", "), args...).Scan(into...); err != nil {
		t.Fatal(err)
	}
	for i, e := range exprs {
		if want := matching(e, devices); !reflect.DeepEqual(got[i], want) {
			t.Fatalf("%s: PostgreSQL finds rows %v, the evaluator %v", e, got[i], want)
		}
	}
}

// TestNothingIsNull guards the promise that a condition may stand under NOT or
// in a SELECT: never null, not even for an installation without a user.
func TestNothingIsNull(t *testing.T) {
	err := dbtest.New(t).InTx(t.Context(), func(tx *db.Tx) error {
		fill(t, tx, []device{{id: "p", tags: []string{}}})
		for _, expr := range []string{"$UserId:{x}", "!$UserId:{x}", "a || $UserId:{x}", "!(a && $UserId:{x})", "$Segment:{1}", "!$Segment:{1}"} {
			e, err := tagexpr.Parse(expr)
			if err != nil {
				t.Fatal(err)
			}
			where, args := e.SQL(columns, 1)
			var got *bool
			if err := tx.Conn().QueryRow(tx.Ctx(), "SELECT "+where+" FROM device", args...).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got == nil || *got != e.Match(device{id: "p"}.has) {
				t.Errorf("%s: got %v", expr, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, tx *db.Tx, devices []device) {
	t.Helper()
	exec := func(sql string, args ...any) {
		if _, err := tx.Conn().Exec(tx.Ctx(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TEMP TABLE device (n int, id text NOT NULL, user_id text, tags text[] NOT NULL) ON COMMIT DROP`)
	exec(`CREATE TEMP TABLE member (segment text NOT NULL, person text NOT NULL) ON COMMIT DROP`)
	for person, segments := range members {
		exec(`INSERT INTO member SELECT s, $1 FROM unnest($2::text[]) s`, person, segments)
	}
	for i, d := range devices {
		exec(`INSERT INTO device VALUES ($1, upper($2::text), nullif($3::text, ''), $4)`, i, d.id, d.user, d.tags)
	}
	exec(`CREATE INDEX ON device USING gin (tags)`)
}

func matching(e *tagexpr.Expr, devices []device) []int32 {
	found := []int32{}
	for i, d := range devices {
		if e.Match(d.has) {
			found = append(found, int32(i))
		}
	}
	return found
}
