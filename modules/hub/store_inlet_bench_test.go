package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// visitor is the nth phone of a benchmark: tags, attributes and a locale as apps have them.
func visitor(n int) string {
	return fmt.Sprintf(`{"app":"festival","id":"phone-%d","kind":"apns","handle":"%s","locale":"%s","zone":"Europe/Berlin","tags":["city:%d","day:%d","vip:%d","all"],"attributes":{"name":"Visitor %d"}}`,
		n, apnsHandle(n), []string{"de", "en", "fr"}[n%3], n%200, n%4, n%17, n)
}

// BenchmarkRegister measures PUT /v1/installations/:id through HTTP, each answered
// after its commit; new ones, and ones that come back with the same content.
func BenchmarkRegister(b *testing.B) {
	for _, again := range []bool{false, true} {
		name := "new"
		if again {
			name = "refresh"
		}
		b.Run(name, func(b *testing.B) {
			d := newDesk(b, "festival")
			const phones = 20_000
			if again {
				d.importVisitors(b, phones)
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
			var next atomic.Int64
			b.SetParallelism(128)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := int(next.Add(1))
					if again {
						n %= phones
					}
					put(b, client, d.http, n)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func put(b *testing.B, client *http.Client, at *httptest.Server, n int) { //nolint:thelper // Helper would be measured
	req, err := http.NewRequest("PUT", fmt.Sprintf("%s/v1/installations/phone-%d", at.URL, n), strings.NewReader(visitor(n)))
	if err != nil {
		b.Error(err)
		return
	}
	res, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body) // an unread answer would cost the connection
	_ = res.Body.Close()
	if res.StatusCode >= 300 {
		b.Errorf("answered %d", res.StatusCode)
	}
}

func (d *desk) importVisitors(b *testing.B, n int) Transfer {
	b.Helper()
	var lines bytes.Buffer
	for i := range n {
		lines.WriteString(visitor(i) + "\n")
	}
	t, err := d.Import(b.Context(), "festival", NDJSON, &lines, int64(lines.Len()), nil)
	if err != nil || t.Rejected > 0 {
		b.Fatal(err, t)
	}
	return t
}

// BenchmarkImport measures rows of NDJSON a second, parsed, checked and committed.
func BenchmarkImport(b *testing.B) {
	const rows = 100_000
	for b.Loop() {
		b.StopTimer()
		d := newDesk(b, "festival")
		b.StartTimer()
		d.importVisitors(b, rows)
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCopy is what BenchmarkRegister and BenchmarkImport are held against: a raw
// COPY of the same rows into the same table with its indexes.
func BenchmarkCopy(b *testing.B) {
	const rows = 100_000
	for b.Loop() {
		b.StopTimer()
		d := newDesk(b, "festival")
		b.StartTimer()
		copyVisitors(b, d, rows)
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func copyVisitors(b *testing.B, d *desk, rows int) {
	b.Helper()
	now := time.Now()
	_, err := d.db.Pool().CopyFrom(context.Background(), pgx.Identifier{"hub", "installation"},
		[]string{"app_id", "id", "service", "kind", "handle", "locale", "zone", "tags", "attributes", "handle_at", "created_at", "updated_at"},
		pgx.CopyFromSlice(rows, func(n int) ([]any, error) {
			return []any{"festival", fmt.Sprint("phone-", n), "apns", "apns", apnsHandle(n), "de", "Europe/Berlin",
				[]string{"all", fmt.Sprint("city:", n%200), fmt.Sprint("day:", n%4), fmt.Sprint("vip:", n%17)},
				map[string]string{"name": fmt.Sprint("Visitor ", n)}, now, now, now}, nil
		}))
	if err != nil {
		b.Fatal(err)
	}
}
