package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Entry is one line of the audit log: who did what to what. It holds ids, never
// a person's name or address: a person can be forgotten, the log cannot.
type Entry struct {
	Actor  string         // web.Caller.Name
	Action string         // such as "key.created", "role.changed", "session.revoked"
	Object string         // such as "key:till-2"
	Detail map[string]any // never a secret
}

// AuditLine is an Entry as it was written.
type AuditLine struct {
	No     int64           `json:"no"` // from 1, without gaps
	At     time.Time       `json:"at"`
	Actor  string          `json:"actor"`
	Action string          `json:"action"`
	Object string          `json:"object"`
	Detail json.RawMessage `json:"detail"`
	Hash   Digest          `json:"hash"`
}

// Digest is a SHA-256, in hexadecimal where people see it.
type Digest []byte

// String is the digest in hexadecimal.
func (d Digest) String() string { return fmt.Sprintf("%x", []byte(d)) }

// MarshalText is String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// hashAfter is the hash of the line that follows a line whose hash is before:
// SHA-256 over before and the line's fields, as a JSON list with the time in
// microseconds of Unix. Everything that is shown is in it.
func (l AuditLine) hashAfter(before []byte) (Digest, error) {
	text, err := json.Marshal([]any{l.No, l.At.UnixMicro(), l.Actor, l.Action, l.Object, string(l.Detail)})
	if err != nil {
		return nil, fault.E("identity.Audit", fault.Internal, "cannot write the entry", err)
	}
	h := sha256.New()
	h.Write(before)
	h.Write(text)
	return h.Sum(nil), nil
}

// audit appends e to the log within tx, chained to the entry before it. From here
// to the commit other appends wait, so make it the last thing a transaction does.
func (s *Service) audit(tx *db.Tx, e Entry) error {
	const op = "identity.Audit"
	detail, err := json.Marshal(e.Detail) // maps are written in the order of their keys
	if err != nil {
		return fault.E(op, fault.Internal, "cannot write the entry", err)
	}
	if e.Detail == nil {
		detail = []byte("{}")
	}
	head, err := lockAuditHead(tx)
	if err != nil {
		return err
	}
	l := AuditLine{No: head.no + 1, At: tx.Now(), Actor: e.Actor, Action: e.Action, Object: e.Object, Detail: detail}
	if l.Hash, err = l.hashAfter(head.hash); err != nil {
		return err
	}
	next := auditHead{no: l.No, hash: l.Hash}
	if next.sealed, err = s.seal.Seal(next.content(), auditContext); err != nil {
		return err
	}
	return appendAudit(tx, l, next)
}

// auditHead is the chain's end. Sealed, it cannot be made by somebody who has the
// database alone: neither a shorter chain nor one that was computed anew fits it.
type auditHead struct {
	no     int64
	hash   []byte
	sealed []byte // nil while there is no entry
}

var auditContext = []byte("identity.audit_head")

func (h auditHead) content() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(h.no)), h.hash...)
}

// AuditCheck is what VerifyAudit found.
type AuditCheck struct { //nolint:recvcheck // only follow changes it
	Entries int64  `json:"entries"`       // that were looked at
	Head    Digest `json:"head"`          // of the last good one; write it down elsewhere to prove more later
	Bad     int64  `json:"bad,omitempty"` // number of the first entry that is not what it was; 0: all are good
	Why     string `json:"why,omitempty"`
}

// OK reports whether every entry is what it was.
func (c AuditCheck) OK() bool { return c.Bad == 0 }

// VerifyAudit walks the chain from its beginning and compares its end with the
// sealed one. It finds entries that were changed, removed, put in between or put
// at the end by somebody who does not hold the sealing key. It cannot find that
// the whole database was put back to an earlier state: for that, compare Head with
// one that was written down. Errors: those of the database.
func (s *Service) VerifyAudit(ctx context.Context) (AuditCheck, error) {
	c := AuditCheck{Head: make([]byte, sha256.Size)}
	head, err := s.readAudit(ctx, func(l AuditLine) error {
		c.follow(l)
		return nil
	})
	if err != nil || !c.OK() {
		return c, err
	}
	switch {
	case head.no < c.Entries:
		c.Bad, c.Why = head.no+1, "it was written past the sealed end of the log"
	case head.no > c.Entries:
		c.Bad, c.Why = c.Entries+1, "the log ends before its sealed end"
	case !bytes.Equal(head.hash, c.Head):
		c.Bad, c.Why = c.Entries, "its hash is not the sealed one"
	case head.no == 0 && head.sealed == nil:
		// A log that was never begun, or one that was wiped: an owner leaves a line when they come.
		owned, err := s.owned(ctx)
		if owned {
			c.Bad, c.Why = 1, "the log is empty although there is an owner"
		}
		return c, err
	default:
		plain, err := s.seal.Open(head.sealed, auditContext)
		if err != nil || !bytes.Equal(plain, head.content()) {
			c.Bad, c.Why = max(c.Entries, 1), "the seal of the log's end does not fit"
		}
	}
	return c, nil
}

// follow adds one line to what was checked; after a bad one it looks at no more.
func (c *AuditCheck) follow(l AuditLine) {
	if !c.OK() {
		return
	}
	if l.No != c.Entries+1 {
		c.Bad, c.Why = c.Entries+1, "it is missing"
		return
	}
	c.Entries++
	hash, err := l.hashAfter(c.Head)
	if err != nil || !bytes.Equal(hash, l.Hash) {
		c.Bad, c.Why = l.No, "it is not what was written"
		return
	}
	c.Head = hash
}

// AuditFilter narrows the log; empty fields do not.
type AuditFilter struct {
	Actor  string
	Action string // or its beginning up to a dot: "key." for everything about keys
	Object string
}

// AuditLog reads the log, the newest first, from below before (0: from the end).
func (s *Service) AuditLog(ctx context.Context, f AuditFilter, before int64, limit int) ([]AuditLine, error) {
	return s.listAudit(ctx, f, before, limit)
}

// Note appends a line to the log for a neighbour, within tx. From here to the commit
// other lines wait, so make it the last thing a transaction does.
func (s *Service) Note(tx *db.Tx, actor, action, object string, detail map[string]any) error {
	return s.audit(tx, Entry{Actor: actor, Action: action, Object: object, Detail: detail})
}
