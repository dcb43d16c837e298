package hub

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// An export whose database fails in the middle must not look like one that ended.
func TestExportIsCutOffWhenTheDatabaseFails(t *testing.T) {
	d := newDesk(t, "festival")
	var lines strings.Builder
	fat := strings.Repeat("a", 1000) // more, all in all, than a connection's buffers take
	for i := range 2*exportPage + 1 {
		fmt.Fprintf(&lines, `{"id":"phone-%d","kind":"fcm_token","handle":"token-%d","templates":{"news":{"body":{"title":%q}}}}`+"\n", i, i, fat)
	}
	if got, err := d.Import(t.Context(), "festival", NDJSON, strings.NewReader(lines.String()), 0, nil); err != nil || got.Rejected > 0 {
		t.Fatalf("%d of %d are in, %v", got.Accepted, 2*exportPage+1, err)
	}
	narrow := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return c, err
	}}
	res, err := (&http.Client{Transport: narrow}).Get(d.http.URL + "/v1/exports/installations")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.db.Pool().Exec(t.Context(), `ALTER TABLE hub.installation RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes ended well", n)
	}
}
