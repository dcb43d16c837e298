package db

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Copy is rows in PostgreSQL's binary form, as COPY takes them: the fastest way into a
// table. Each row is begun with Row, then come its values in the order of the columns.
// Source: PostgreSQL documentation, COPY, "Binary Format".
type Copy struct {
	sql     string
	columns int
	rows    []byte
}

// copyBuffers are used again: rows take up to some megabytes.
var copyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// copyHead is the signature, no flags and no extension.
const copyHead = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// NewCopy is an empty one for the statement sql, COPY … FROM STDIN (FORMAT binary),
// of so many columns. It goes to the server once.
func NewCopy(sql string, columns int) *Copy {
	return &Copy{sql: sql, columns: columns, rows: append((*copyBuffers.Get().(*[]byte))[:0], copyHead...)}
}

// Row begins a row.
func (c *Copy) Row() { c.rows = binary.BigEndian.AppendUint16(c.rows, uint16(c.columns)) }

func (c *Copy) size(n int) { c.rows = binary.BigEndian.AppendUint32(c.rows, uint32(n)) }

// Null is no value of any type.
func (c *Copy) Null() { c.size(-1) }

// ID is a uuid.
func (c *Copy) ID(v id.ID) { c.Bytes(v[:]) }

// Bytes is a bytea.
func (c *Copy) Bytes(v []byte) {
	c.size(len(v))
	c.rows = append(c.rows, v...)
}

// Text is a text.
func (c *Copy) Text(v string) {
	c.size(len(v))
	c.rows = append(c.rows, v...)
}

// JSON is a jsonb; empty: null.
func (c *Copy) JSON(v []byte) {
	if len(v) == 0 {
		c.Null()
		return
	}
	c.size(1 + len(v))
	c.rows = append(append(c.rows, 1), v...) // the version of jsonb's form
}

// Int2 is a smallint.
func (c *Copy) Int2(v int16) {
	c.size(2)
	c.rows = binary.BigEndian.AppendUint16(c.rows, uint16(v))
}

// Int4 is an integer, or a date: days since 2000-01-01.
func (c *Copy) Int4(v int32) {
	c.size(4)
	c.rows = binary.BigEndian.AppendUint32(c.rows, uint32(v))
}

// Int8 is a bigint.
func (c *Copy) Int8(v int64) {
	c.size(8)
	c.rows = binary.BigEndian.AppendUint64(c.rows, uint64(v))
}

// Epoch is where PostgreSQL's dates and times begin.
var Epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Time is a timestamptz.
func (c *Copy) Time(v time.Time) { c.Int8(v.Sub(Epoch).Microseconds()) }
