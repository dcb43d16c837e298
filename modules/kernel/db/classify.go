package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Classify turns a database error into a fault: not found, conflict, invalid (data that
// no column takes, such as a NUL), transient (connection lost, deadlock, serialisation),
// otherwise internal. nil stays nil and a fault stays as it is.
func Classify(op string, err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.E(op, fault.NotFound, "not found", err)
	}
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return fault.E(op, fault.Conflict, "it exists already", err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.E(op, fault.Transient, "the request took too long", err)
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fault.E(op, fault.Transient, "the database is busy or away", err)
	}
	switch pg.Code[:2] {
	case "23":
		if pg.Code == "23505" {
			return fault.E(op, fault.Conflict, "it exists already", err)
		}
		return fault.E(op, fault.Conflict, "the change breaks a rule of the data", err)
	case "22", "54": // data exception, program limit
		f := fault.E(op, fault.Invalid, "PostgreSQL does not take the data: "+pg.Message, err)
		if pg.Code == "22021" || pg.Code == "22P05" { // not in the repertoire, untranslatable
			f = f.WithFix("send UTF-8 text without U+0000")
		}
		return f
	case "08", "40", "53", "57":
		return fault.E(op, fault.Transient, "the database is busy or away", err)
	}
	return fault.E(op, fault.Internal, "the database refused the operation", err)
}
