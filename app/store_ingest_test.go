package app

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// builtIn is the address of a house's built-in PostgreSQL.
func (h *house) builtIn() string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "postgres", "data", "postmaster.pid"))
	h.must(err)
	lines := strings.Split(string(b), "\n")
	if len(lines) < 5 {
		h.t.Fatalf("postmaster.pid is short: %q", b)
	}
	return "postgres://usher@/postgres?port=5432&host=" + url.QueryEscape(lines[4]) // of its socket
}

// ledger is what a database holds of the events of a shop.
type ledger struct {
	Rows, Events int // in the log, and different ones among them
	Items        int // the listener's effect: it adds one an event
	Waiting      int // not handled by the listener
}

func (h *house) ledger(database, source string) (l ledger) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), database)
	h.must(err)
	defer conn.Close(h.t.Context())
	h.must(conn.QueryRow(h.t.Context(), `SELECT
		(SELECT count(*) FROM stream.log WHERE source = $1),
		(SELECT count(DISTINCT source_id) FROM stream.log WHERE source = $1),
		(SELECT coalesce(sum(items), 0) FROM analytics.cart WHERE shop = $1),
		(SELECT count(*) FROM stream.cursor c JOIN stream.log l ON l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id)
			WHERE c.listener = 'analytics.carts' AND l.type = 'cart.item_added')`, source).Scan(&l.Rows, &l.Events, &l.Items, &l.Waiting))
	return l
}
