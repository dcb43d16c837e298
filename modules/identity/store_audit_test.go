package identity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (h *house) log(n int) {
	h.t.Helper()
	for i := range n {
		h.must(func(tx *db.Tx) error {
			return h.audit(tx, Entry{Actor: "person:1", Action: "thing.done", Object: fmt.Sprintf("thing:%d", i), Detail: map[string]any{"b": 1, "a": "<ü>\n"}})
		})
	}
}

func (h *house) verify() AuditCheck {
	h.t.Helper()
	c, err := h.VerifyAudit(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestAuditIsAppendOnly(t *testing.T) {
	h := newHouse(t)
	h.log(2)
	for _, sql := range []string{`UPDATE identity.audit SET actor = 'nobody'`, `DELETE FROM identity.audit`, `TRUNCATE identity.audit`,
		`DELETE FROM identity.audit WHERE false`, `DELETE FROM identity.audit_head`, `TRUNCATE identity.audit_head`} {
		if _, err := h.db.Pool().Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if c := h.verify(); !c.OK() || c.Entries != 2 {
		t.Errorf("%+v", c)
	}
}

func TestAuditTellsTheFirstBadEntry(t *testing.T) {
	reseal := func(h *house, no int64) { // with the head recomputed as well as it goes without the key
		h.behind(`UPDATE identity.audit_head SET no = $1, hash = (SELECT hash FROM identity.audit WHERE no = $1)`, no)
	}
	for _, tc := range []struct {
		name  string
		spoil func(h *house)
		bad   int64
		why   string
	}{
		{"nothing", func(*house) {}, 0, ""},
		{"an actor", func(h *house) { h.behind(`UPDATE identity.audit SET actor = 'x' WHERE no = 3`) }, 3, "not what was written"},
		{"an action", func(h *house) { h.behind(`UPDATE identity.audit SET action = 'x' WHERE no = 3`) }, 3, "not what was written"},
		{"an object", func(h *house) { h.behind(`UPDATE identity.audit SET object = 'x' WHERE no = 3`) }, 3, "not what was written"},
		{"a detail", func(h *house) { h.behind(`UPDATE identity.audit SET detail = '{}' WHERE no = 3`) }, 3, "not what was written"},
		{"a time", func(h *house) {
			h.behind(`UPDATE identity.audit SET at = at + interval '1 microsecond' WHERE no = 3`)
		}, 3, "not what was written"},
		{"a hash", func(h *house) { h.behind(`UPDATE identity.audit SET hash = sha256('x') WHERE no = 5`) }, 5, "not what was written"},
		{"a removed row", func(h *house) { h.behind(`DELETE FROM identity.audit WHERE no = 2`) }, 2, "missing"},
		{"a removed first row", func(h *house) { h.behind(`DELETE FROM identity.audit WHERE no = 1`) }, 1, "missing"},
		{"removed last rows", func(h *house) { h.behind(`DELETE FROM identity.audit WHERE no > 3`) }, 4, "ends before"},
		{"removed last rows, and the head moved", func(h *house) {
			h.behind(`DELETE FROM identity.audit WHERE no > 3`)
			reseal(h, 3)
		}, 3, "seal"},
		{"all rows removed, and the head with them", func(h *house) {
			h.behind(`DELETE FROM identity.audit`)
			h.behind(`UPDATE identity.audit_head SET no = 0, hash = decode(repeat('00', 32), 'hex')`)
		}, 1, "seal"},
		{"everything wiped, as if it had never begun", func(h *house) {
			h.person(RoleOwner, "Ana")
			h.behind(`DELETE FROM identity.audit`)
			h.behind(`UPDATE identity.audit_head SET no = 0, hash = decode(repeat('00', 32), 'hex'), sealed = NULL`)
		}, 1, "although there is an owner"},
		{"a row put at the end", func(h *house) {
			h.behind(`INSERT INTO identity.audit SELECT 6, at, actor, action, object, detail, hash FROM identity.audit WHERE no = 5`)
		}, 6, "not what was written"},
		{"a row put well at the end", func(h *house) { h.append(6) }, 6, "past the sealed end"},
		{"a chain computed anew", func(h *house) { h.forge(5) }, 5, "not the sealed one"},
		{"a chain computed anew, and the head with it", func(h *house) { h.behind(`UPDATE identity.audit_head SET hash = $1`, h.forge(5)) }, 5, "seal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t)
			h.log(5)
			tc.spoil(h)
			if c := h.verify(); c.Bad != tc.bad || !strings.Contains(c.Why, tc.why) {
				t.Errorf("%+v, want %d because it %s", c, tc.bad, tc.why)
			}
		})
	}
}

// append puts a line after the last, with a good hash, past the head.
func (h *house) append(no int64) {
	h.t.Helper()
	l, err := scanAudit(h.db.Pool().QueryRow(h.t.Context(), `SELECT `+auditColumns+` FROM identity.audit WHERE no = $1`, no-1))
	if err != nil {
		h.t.Fatal(err)
	}
	l.No = no
	hash, err := l.hashAfter(l.Hash)
	if err != nil {
		h.t.Fatal(err)
	}
	h.behind(`INSERT INTO identity.audit SELECT $1::bigint, at, actor, action, object, detail, $2 FROM identity.audit WHERE no = $1::bigint - 1`, no, []byte(hash))
}

// forge rewrites the whole chain with good hashes, as somebody can who has the
// database and this source, and returns the last.
func (h *house) forge(n int64) (end []byte) {
	h.t.Helper()
	before := make([]byte, 32)
	for no := int64(1); no <= n; no++ {
		l, err := scanAudit(h.db.Pool().QueryRow(h.t.Context(), `SELECT `+auditColumns+` FROM identity.audit WHERE no = $1`, no))
		if err != nil {
			h.t.Fatal(err)
		}
		l.Actor = "person:somebody-else"
		if before, err = l.hashAfter(before); err != nil {
			h.t.Fatal(err)
		}
		h.behind(`UPDATE identity.audit SET actor = $2, hash = $3 WHERE no = $1`, no, l.Actor, before)
	}
	return before
}

func TestAuditEntriesAtOnceMakeOneChain(t *testing.T) {
	h := newHouse(t)
	var all []func() error
	for range 12 {
		all = append(all, func() error {
			return h.as(web.Caller{}, func(tx *db.Tx) error { return h.audit(tx, Entry{Actor: "a", Action: "b", Object: "c"}) })
		})
	}
	for _, err := range atOnce(all...) {
		if err != nil {
			t.Error(err)
		}
	}
	if c := h.verify(); !c.OK() || c.Entries != 12 {
		t.Errorf("%+v", c)
	}
}

func TestAuditOfWhatDidNotHappenIsNotThere(t *testing.T) {
	h := newHouse(t)
	h.log(1)
	_ = h.as(web.Caller{}, func(tx *db.Tx) error {
		if err := h.audit(tx, Entry{Actor: "a", Action: "b", Object: "c"}); err != nil {
			t.Fatal(err)
		}
		return badClaim()
	})
	h.log(1)
	if c := h.verify(); !c.OK() || c.Entries != 2 {
		t.Errorf("%+v", c)
	}
}

func TestAuditIsFiltered(t *testing.T) {
	h := newHouse(t)
	h.newKey(KeyDraft{Name: "a", Right: web.Listen})
	h.log(3)
	for _, tc := range []struct {
		f    AuditFilter
		want int
	}{{AuditFilter{}, 4}, {AuditFilter{Action: "key."}, 1}, {AuditFilter{Action: "key"}, 0}, {AuditFilter{Actor: "person:1"}, 3},
		{AuditFilter{Object: "thing:2"}, 1}, {AuditFilter{Actor: "test", Action: "thing.done"}, 0}} {
		lines, err := h.AuditLog(t.Context(), tc.f, 0, 10)
		if err != nil || len(lines) != tc.want {
			t.Errorf("%+v: %d, %v, want %d", tc.f, len(lines), err, tc.want)
		}
	}
	older, err := h.AuditLog(t.Context(), AuditFilter{}, 3, 1)
	if err != nil || len(older) != 1 || older[0].No != 2 {
		t.Errorf("%+v %v", older, err)
	}
}
