package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
)

var upkeepNow = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)

// certFor writes a certificate that was good for life and ends in left.
func certFor(t *testing.T, file string, life, left time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ends := upkeepNow.Add(left)
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-life), NotAfter: ends, DNSNames: []string{"tickets.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// healthOf is the page over a house whose stores are fixed.
func healthOf(cfg Config) *systemPages {
	age := func(d int) time.Time { return upkeepNow.AddDate(0, 0, -d) }
	return &systemPages{
		checks: []Check{{"database", func(context.Context) error { return nil }}},
		lanes: func(context.Context) ([]queue.LaneStats, error) {
			return []queue.LaneStats{{Lane: "hub", Waiting: 2, Oldest: time.Second}}, nil
		},
		lag: func(context.Context) ([]stream.Lag, error) {
			return []stream.Lag{{Listener: "hub.prices"}, {Listener: "pricing.shifts"}}, nil
		},
		parked: func(context.Context) (map[string]int, error) { return nil, nil },
		credentials: func(context.Context) ([]hub.Credential, error) {
			paused := age(1)
			return []hub.Credential{{App: "festival", Service: push.APNs, StoredAt: age(412), UpdatedAt: age(1), PausedAt: &paused, PausedReason: "InvalidProviderToken"},
				{App: "festival", Service: push.WebPush, StoredAt: age(3), UpdatedAt: age(3)}}, nil
		},
		apps:  appsNamed("festival"),
		certs: func() []listenerCert { return listenerCerts(cfg) }, chosen: cfg.Sales.App, dataDir: cfg.DataDir, clock: clock.At(upkeepNow),
	}
}

const day = 24 * time.Hour

// Doctor, the page Health and the page Now agree on what ends, and say what to do.
func TestCertificatesThatEndAreTold(t *testing.T) {
	for _, tc := range []struct {
		name       string
		life, left time.Duration
		acme       bool
		state      string
		doctor     string
		fix        string
		now        bool // Now tells it
	}{
		{"files that hold", 90 * day, 40 * day, false, "good", "http.tls until 2027-07-11, 40 days", "", false},
		{"files that end soon", 365 * day, 13 * day, false, "soon", "ends on 2027-06-14", "same files", true},
		{"files that ended", 90 * day, -time.Hour, false, "ended", "ended on 2027-06-01", "same files", true},
		{"short-lived by design", 6 * day, 3 * day, true, "good", "3 days", "", false},
		{"short-lived and not renewed", 6 * day, day, true, "soon", "ends on 2027-06-02", "port 443", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := Defaults()
			cfg.DataDir = t.TempDir()
			file := filepath.Join(cfg.DataDir, "tls.crt")
			if cfg.HTTP.TLS.CertFile = file; tc.acme {
				cfg.HTTP.TLS.CertFile, cfg.HTTP.TLS.ACMEHost = "", "tickets.example.org"
				file = filepath.Join(cfg.DataDir, "acme", "tickets.example.org")
			}
			certFor(t, file, tc.life, tc.left)
			f := finding("tls", func() (string, error) { return checkCertificates(cfg, upkeepNow) })
			if !strings.Contains(f.Detail, tc.doctor) || !strings.Contains(f.Fix, tc.fix) || f.OK != (tc.state == "good") || f.Warning != (tc.state == "soon") {
				t.Errorf("doctor: %+v", f)
			}
			if r := rowOfCert(listenerCerts(cfg)[0], upkeepNow); r.State != tc.state || r.Names != "tickets.example.org" {
				t.Errorf("Health: %+v", r)
			}
			if g, err := healthOf(cfg).Glance(t.Context(), ""); err != nil || (len(g.Alerts) == 1) != tc.now {
				t.Errorf("Now: %+v, %v", g.Alerts, err)
			}
		})
	}
	cfg := Defaults()
	cfg.DataDir, cfg.HTTP.TLS.ACMEHost, cfg.Azure.TLS.CertFile = t.TempDir(), "tickets.example.org", "/dev/null"
	if f := finding("tls", func() (string, error) { return checkCertificates(cfg, upkeepNow) }); f.OK || !strings.Contains(f.Detail, "azure.tls: /dev/null holds no certificate") {
		t.Errorf("none in the file: %+v", f)
	}
	if all := listenerCerts(cfg); rowOfCert(all[0], upkeepNow).State != "missing" || rowOfCert(all[1], upkeepNow).State != "bad" {
		t.Errorf("%+v", all)
	}
}

func TestOldBackupsAreTold(t *testing.T) {
	dir := t.TempDir()
	pages := healthOf(Config{DataDir: dir})
	tell := func(state, doctor string, ok, now bool) {
		t.Helper()
		f := finding("backup", func() (string, error) { return checkBackup(dir, upkeepNow) })
		g, err := pages.Glance(t.Context(), "")
		if r := pages.lastBackup(upkeepNow); r.State != state || f.OK != ok || !strings.Contains(f.Detail, doctor) || err != nil || (len(g.Alerts) == 1) != now {
			t.Errorf("%+v, %+v, %+v, %v", r, f, g.Alerts, err)
		}
	}
	tell("none", "nothing to back up yet", true, false)
	if err := os.WriteFile(filepath.Join(dir, "seal.key"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tell("none", "has not been run here", false, false)
	for _, step := range []struct {
		days          int
		state, doctor string
	}{{7, "good", "168h0m0s ago"}, {9, "old", "9 days old"}} {
		if err := rememberBackup(dir, lastBackup{At: upkeepNow.AddDate(0, 0, -step.days), File: "/backup/usher", Bytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		tell(step.state, step.doctor, step.state == "good", step.state == "old")
	}
	if err := os.WriteFile(filepath.Join(dir, backupNote), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	tell("bad", "cannot read last-backup.json", false, false)
}
