package db_test

import (
	"errors"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestClassifySaysWhoseFaultItIs(t *testing.T) {
	d := dbtest.New(t)
	for sql, want := range map[string]fault.Code{
		`SELECT E'{"a": "\\u0000"}'::jsonb`:         fault.Invalid,
		`SELECT 'x'::uuid`:                          fault.Invalid,
		`SELECT '1e999999'::numeric`:                fault.Invalid,
		`SELECT repeat('[', 1000000)::jsonb`:        fault.Invalid, // deeper than the stack
		`SELECT 1 FROM no_such_table`:               fault.Internal,
		`DO $$BEGIN RAISE check_violation; END$$`:   fault.Conflict,
		`DO $$BEGIN RAISE deadlock_detected; END$$`: fault.Transient,
	} {
		_, err := d.Pool().Exec(t.Context(), sql)
		if got := fault.CodeOf(db.Classify("test", err)); got != want {
			t.Errorf("%s: %s, want %s: %v", sql, got, want, err)
		}
	}
}

func TestClassifySaysHowToMendAText(t *testing.T) {
	d := dbtest.New(t)
	for _, text := range []string{"a\x00", "\xff"} {
		_, err := d.Pool().Exec(t.Context(), `SELECT $1::text`, text)
		if f, ok := errors.AsType[*fault.Error](db.Classify("test", err)); !ok || f.Code != fault.Invalid || f.Fix != "send UTF-8 text without U+0000" {
			t.Errorf("%q: %+v", text, f)
		}
	}
}
