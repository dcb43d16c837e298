// Package backup writes every row of the house into one file, and reads it back. It
// needs nothing but a connection: no pg_dump, no superuser, and the major version of the
// server may change in between.
//
// The file is gzip of frames, each a letter, four bytes of length (big endian) and so
// many bytes: H the Header; for each table T its Table, D its rows in pieces, as
// PostgreSQL's COPY writes them in text form, and E the Sum of the rows; at the end Z the
// Sum of everything. H, T, E and Z are JSON. All rows are of one snapshot.
//
// The stream's facts carry the number of the transaction that wrote them, and listeners
// read only what is older than every open transaction. A restored house must
// therefore be on a server whose transaction counter has passed that of the old one:
// Restore counts it on. (A dump by pg_dump lacks this: its facts would stay unread.)
package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/seal"
)

// format is the version of the file's form. A reader knows its own and those before.
const format = 1

// Header begins a backup.
type Header struct {
	Format     int        `json:"format"`
	MadeAt     time.Time  `json:"made_at"`
	Usher      string     `json:"usher"`      // the version that made it
	PostgreSQL string     `json:"postgresql"` // the server's version
	Schema     int64      `json:"schema"`     // version of the tables
	Counter    uint64     `json:"counter"`    // of transactions: every one of the rows is before it
	SealedBy   string     `json:"sealed_by"`  // fingerprint of the sealing key, which is not in the file
	Tables     int        `json:"tables"`
	Sequences  []Sequence `json:"sequences"`
}

// Table is one table's place, and the columns that its rows have.
type Table struct {
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	// A partition's parent and bound, so that it can be made anew.
	Parent string `json:"parent,omitempty"`
	Bound  string `json:"bound,omitempty"`
}

// Sequence is where a counter stands.
type Sequence struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Last   int64  `json:"last"`
	Called bool   `json:"called"` // Last has been given out
}

// Sum tells that nothing is missing: of a table, or at the end of the whole.
type Sum struct {
	Tables int    `json:"tables,omitempty"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Progress is told now and then how far it has come.
type Progress func(table string, done, tables int, bytes int64)

// Fingerprint names a sealing key without telling it.
func Fingerprint(k *seal.Key) string {
	sum := sha256.Sum256(k.Derive("kernel/backup/fingerprint"))
	return hex.EncodeToString(sum[:8])
}

var schemaLine = regexp.MustCompile(`(?i)CREATE SCHEMA (?:IF NOT EXISTS )?([a-z_]+)`)

// Schemas are those that the migrations make, sorted: what belongs to the house.
func Schemas(migrations fs.FS) ([]string, error) {
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range files {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		for _, m := range schemaLine.FindAllSubmatch(text, -1) {
			all = append(all, string(m[1]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
