package analytics

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// streamRig is analytics beside a listener that fails until it is mended.
type streamRig struct {
	*queryRig
	mended atomic.Bool
}

func newStreamRig(t *testing.T) *streamRig {
	t.Helper()
	c := clock.At(queryNoon)
	r := &streamRig{queryRig: &queryRig{t: t, clock: c, db: dbtest.New(t, dbtest.WithClock(c))}}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	st := stream.New(r.db, stream.Config{Poll: 20 * time.Millisecond, RetryMin: time.Millisecond}, log)
	r.Service = New(Defaults(), r.db, st, nil, nil, nil, log)
	t.Cleanup(r.Close)
	r.Listen()
	_, err := r.db.Pool().Exec(t.Context(), `CREATE TABLE effect (source_id text)`)
	r.must(err)
	st.Listen(stream.Listener{Name: "test.tickets", Types: []string{"sale.completed"}, About: "prints tickets", Handle: r.print, ReplayNote: "Tickets would be printed twice."})
	r.must(st.Register(t.Context()))
	r.run(r.Service)
	return r
}

func (r *streamRig) print(ctx context.Context, tx *db.Tx, facts []stream.Fact) error {
	for _, f := range facts {
		if _, err := tx.Conn().Exec(ctx, `INSERT INTO effect VALUES ($1)`, f.SourceID); err != nil {
			return err
		}
	}
	if !r.mended.Load() {
		return errors.New("the printer is <out of paper>")
	}
	return nil
}

// parked waits until n facts are parked and gives them.
func (r *streamRig) parked(n int) []stream.Parked {
	r.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for patience := time.After(30 * time.Second); ; {
		all, err := r.stream.Parked(r.t.Context(), "", 100, id.Nil)
		r.must(err)
		if len(all) == n {
			return all
		}
		select {
		case <-look.C:
		case <-patience:
			r.t.Fatalf("%d facts are parked, want %d", len(all), n)
		}
	}
}

func (r *streamRig) printed() (tickets, distinct int) {
	r.t.Helper()
	r.must(r.db.Pool().QueryRow(r.t.Context(), `SELECT count(*), count(DISTINCT source_id) FROM effect`).Scan(&tickets, &distinct))
	return tickets, distinct
}

// came writes down what came in, as the meter does.
func (r *streamRig) came() {
	now := r.clock.Now()
	minute := now.Truncate(time.Minute)
	r.keep(r.t.Context(), map[meterKey]*count{
		{minute.Add(-time.Minute), "sale.completed"}:     {Accepted: 90, Duplicate: 3},
		{minute.Add(-2 * time.Minute), "sale.completed"}: {Accepted: 30},
		{minute.Add(-time.Minute), "page.viewed"}:        {Accepted: 30, Rejected: 1},
		{minute.Add(-3 * time.Hour), "x.old"}:            {Accepted: 7},
	}, []Refusal{{ID: id.New(), At: now, Type: "page.viewed", Source: "/shop", SourceID: "<1>", Problem: "data.page is missing (text)"}})
}

// looker may look and no more.
type looker struct{}

func (looker) Allow(_ echo.Context, r web.Right) error {
	if r == web.Staff {
		return nil
	}
	return fault.E("test", fault.Forbidden, "you may only look", nil)
}

func streamSite(t *testing.T, s *Service, guard web.Guard) *echo.Echo {
	t.Helper()
	return webtest.NewSite(t, guard, s.Pages(), s.streamRoutes())
}

// listenTo opens a live stream; next is the data of its next event.
func listenTo(t *testing.T, address string) (next func() string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatal("the stream ended", lines.Err())
		return ""
	}
}
