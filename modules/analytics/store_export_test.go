package analytics

import "testing"

// loseLog makes every further read of the log fail.
func (g *gate) loseLog() {
	g.t.Helper()
	if _, err := g.db.Pool().Exec(g.t.Context(), `ALTER TABLE stream.log RENAME TO lost`); err != nil {
		g.t.Fatal(err)
	}
}

// An export is refused as any request when the log cannot be read at all.
func TestExportWithoutALog(t *testing.T) {
	g := newGate(t, "manage")
	g.loseLog()
	res, body := g.export("")
	if res.StatusCode != 500 || res.Header.Get("Content-Disposition") != "" || len(res.Trailer) != 0 {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}
