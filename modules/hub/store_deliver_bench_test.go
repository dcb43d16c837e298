package hub

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// BenchmarkDeliver measures chunks on their way: read, rendered, sent over HTTP/2,
// recorded; as many at once as the queue would run. The simulated service is in the
// process, so that of a CPU profile what is below pushtest must be left out:
//
//	go test -run '^$' -bench Deliver -benchtime 20x -cpuprofile cpu.out ./modules/hub
//	go tool pprof -top -ignore pushtest cpu.out
func BenchmarkDeliver(b *testing.B) {
	for _, service := range push.Services {
		b.Run(string(service), func(b *testing.B) { benchmarkDeliver(b, service) })
	}
}

func benchmarkDeliver(b *testing.B, service push.Service) { //nolint:thelper // a benchmark of its own: a failure belongs to its line here
	const phones = 20_000 // four chunks
	services, err := pushtest.Start(pushtest.Config{DecryptEvery: 1000})
	if err != nil {
		b.Fatal(err)
	}
	defer services.Close()
	s := benchHub(b, services)
	var lines bytes.Buffer
	for i := range phones {
		h := services.Handle(service, i, "")
		fmt.Fprintf(&lines, `{"id":"phone-%d","kind":%q,"handle":%q,"p256dh":%q,"auth":%q,"locale":"de","attributes":{"title":"Guest %d"}}`+"\n",
			i, h.Kind, h.Value, h.P256dh, h.Auth, i)
	}
	if t, err := s.Import(b.Context(), "festival", NDJSON, &lines, int64(lines.Len()), nil); err != nil || t.Accepted != phones {
		b.Fatal(err, t.Faults)
	}
	d := Draft{App: "festival", Template: "alert", Properties: map[string]any{"title": "Hello", "body": "The gates open at six."}}
	sent := 0
	for b.Loop() {
		b.StopTimer()
		chunks := benchSend(b, s, d)
		b.StartTimer()
		var all sync.WaitGroup
		for _, no := range chunks {
			all.Go(func() {
				if err := s.Deliver(b.Context(), no); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		sent += phones
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
	if got := services.Stats(service).Accepted; got < int64(sent) {
		b.Fatalf("the service accepted %d of %d messages", got, sent)
	}
}

// benchHub is the product's hub on a database of its own.
func benchHub(b *testing.B, services *pushtest.Services) *Service {
	b.Helper()
	cfg := Defaults()
	cfg.Services = Services{
		APNsEndpoint: services.APNsURL(), FCMEndpoint: services.FCMURL(),
		WebPushHosts: []string{services.WebPushHost()}, Connections: cfg.Services.Connections, Roots: services.RootCAs(),
	}
	key, err := seal.Load(b.TempDir() + "/key")
	if err != nil {
		b.Fatal(err)
	}
	s := New(cfg, dbtest.New(b), key, NewSender, slog.New(slog.DiscardHandler))
	b.Cleanup(s.Close)
	unlimited := 0
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, _, err := s.PutApp(b.Context(), App{ID: "festival", Name: "Festival"}); err != nil {
		b.Fatal(err)
	}
	for _, c := range []NewCredential{
		APNsCredential{KeyPEM: string(services.APNsKeyPEM()), KeyID: services.APNsKeyID(), TeamID: services.APNsTeamID(), Topic: services.APNsTopic()},
		FCMCredential{ServiceAccount: services.ServiceAccountJSON(), Pace: &unlimited},
		WebPushCredential{Subject: "mailto:bench@usher.example"},
	} {
		if _, err := s.PutCredential(b.Context(), "festival", c); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// benchSend accepts a notification and gives its chunks' numbers.
func benchSend(b *testing.B, s *Service, d Draft) []int64 {
	b.Helper()
	var n Notification
	p, err := s.Prepare(b.Context(), d)
	if err != nil {
		b.Fatal(err)
	}
	err = s.db.InTx(b.Context(), func(tx *db.Tx) (err error) {
		n, err = s.Send(tx, p, "bench")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	rows, err := s.db.Pool().Query(b.Context(), `SELECT c.no FROM hub.chunk c JOIN hub.notification n ON n.no = c.notification_no WHERE n.id = $1 ORDER BY 1`, n.ID)
	if err != nil {
		b.Fatal(err)
	}
	nos, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		b.Fatal(err)
	}
	return nos
}
