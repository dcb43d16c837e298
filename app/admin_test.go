package app

import (
	"bytes"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// beside runs a command of the same configuration while usher serves.
func (h *house) beside(args ...string) (code int, out string) {
	h.t.Helper()
	for _, s := range h.settings {
		args = append(args, "--set", s)
	}
	var said, errs bytes.Buffer
	code = Main(args, nil, &said, &errs)
	return code, said.String() + errs.String()
}

// Beside a running Usher an operator lets somebody in, and learns that the audit
// was tampered with.
func TestOperatorsHelpBesideARunningUsher(t *testing.T) {
	h := newHouse(t)
	h.claimed()
	code, out := h.beside("admin", "invite", "--role", "staff")
	_, rest, found := strings.Cut(out, "/invite#")
	secret, _, _ := strings.Cut(rest, "\n")
	if code != exitOK || !found {
		t.Fatalf("no invite: %d %s", code, out)
	}
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for i, want := range []int{http.StatusSeeOther, http.StatusForbidden} {
		res, err := once.PostForm(h.url+"/invite", url.Values{"secret": {secret}})
		h.must(err)
		_ = res.Body.Close()
		if res.StatusCode != want || (len(res.Cookies()) == 1) != (i == 0) {
			t.Errorf("use %d of the invite: %s with %d cookies", i+1, res.Status, len(res.Cookies()))
		}
	}
	if code, out := h.beside("doctor"); code != exitOK || !strings.Contains(out, "2 entries in an unbroken chain") {
		t.Errorf("doctor: %d\n%s", code, out)
	}
	h.tampered(`INSERT INTO sales.stock (id, event, capacity, held) VALUES (gen_random_uuid(), gen_random_uuid(), 5, 1)`)
	if code, out := h.beside("doctor"); code == exitOK || !strings.Contains(out, "1 count does not agree with tickets and carts; cart ") {
		t.Errorf("doctor, after a count was changed: %d\n%s", code, out)
	}
	h.tampered(`DELETE FROM sales.stock`)
	h.tampered(`UPDATE identity.audit SET actor = 'person:nobody' WHERE no = 1`)
	if code, out := h.beside("doctor"); code == exitOK || !strings.Contains(out, "entry 1 of the audit log is bad: it is not what was written") {
		t.Errorf("doctor, after an entry was changed: %d\n%s", code, out)
	}
}

// tampered changes the built-in database as somebody would who has it: the triggers
// are off.
func (h *house) tampered(sql string) {
	h.t.Helper()
	cfg := db.Defaults()
	cfg.URL = pgserver.RunningURL(filepath.Join(h.dir, "postgres"), "postgres")
	d, err := db.Open(h.t.Context(), cfg, clock.System{})
	h.must(err)
	defer d.Close()
	h.must(d.InTx(h.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Conn().Exec(tx.Ctx(), `SET LOCAL session_replication_role = replica`)
		if err == nil {
			_, err = tx.Conn().Exec(tx.Ctx(), sql)
		}
		return err
	}))
}
