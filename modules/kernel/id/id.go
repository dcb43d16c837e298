// Package id makes identifiers: UUIDv7 for rows, random codes for people.
package id

import (
	"crypto/rand"
	"encoding/base32"

	"github.com/google/uuid"
)

// ID is a UUIDv7: sorted by time of creation, stored as PostgreSQL's uuid.
type ID = uuid.UUID

// Random bytes are fetched for many IDs at once: they name things, they guard nothing.
func init() { uuid.EnableRandPool() } //nolint:gochecknoinits // it may not be called while IDs are made

// Nil is the empty ID.
var Nil ID

// New makes an ID. It panics only if the machine's entropy source fails.
func New() ID { return uuid.Must(uuid.NewV7()) }

// Parse reads the 36-character form.
func Parse(s string) (ID, error) { return uuid.Parse(s) }

// crockford leaves out I, L, O and U, which people misread.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Code makes a random code of n bytes of entropy, for people to read and type.
func Code(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return crockford.EncodeToString(b)
}
