package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// systemPages show how Usher itself is: what must work, jobs, listeners, and what a person must
// see to from time to time.
type systemPages struct {
	checks      []Check
	lanes       func(context.Context) ([]queue.LaneStats, error)
	lag         func(context.Context) ([]stream.Lag, error)
	parked      func(context.Context) (map[string]int, error)
	credentials func(context.Context) ([]hub.Credential, error)
	apps        func(context.Context) ([]hub.App, error)
	chosen      string // sales.app
	certs       func() []listenerCert
	dataDir     string // where the note of the last backup lies
	clock       clock.Clock
}

// systemPage is what the page shows.
type systemPage struct {
	Checks      []CheckResult
	Lanes       []laneRow
	Listeners   int
	Behind      []lagRow // those that have something to do
	Parked      int
	Credentials []credentialRow
	ShopApp     shopApp
	Certs       []certRow
	Backup      backupRow
}

type laneRow struct {
	queue.LaneStats
	Oldest string
}

type lagRow struct {
	stream.Lag
	Oldest string
}

type credentialRow struct {
	hub.Credential
	Stored string
	Days   int // since then
}

// certRow is the certificate of a listener.
type certRow struct {
	Setting, Names, Ends string
	Days                 int    // until it ends
	State                string // "missing", "bad", "ended", "soon" or "good"
	ACME                 bool
}

// backupRow is the last backup that was made on this machine.
type backupRow struct {
	State      string // "none", "bad", "old" or "good"
	File, Size string
	At         string
	Days       int
}

// Pages are the page of the system's health.
func (s *systemPages) Pages() []web.Route {
	return []web.Route{{Method: http.MethodGet, Path: "/system", Right: web.Staff, Handler: s.page}}
}

func (s *systemPages) page(c echo.Context) error { //nolint:funlen // one table of the page after the other
	ctx, now := c.Request().Context(), s.clock.Now()
	p := systemPage{}
	for _, check := range s.checks {
		p.Checks = append(p.Checks, check.ask(ctx))
	}
	lanes, err := s.lanes(ctx)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		p.Lanes = append(p.Lanes, laneRow{l, age(l.Oldest)})
	}
	lags, err := s.lag(ctx)
	if err != nil {
		return err
	}
	p.Listeners = len(lags)
	slices.SortStableFunc(lags, func(a, b stream.Lag) int { return b.Behind - a.Behind })
	for _, l := range lags {
		if l.Behind > 0 || l.Held {
			p.Behind = append(p.Behind, lagRow{l, age(l.Oldest)})
		}
	}
	parked, err := s.parked(ctx)
	if err != nil {
		return err
	}
	for _, n := range parked {
		p.Parked += n
	}
	credentials, err := s.credentials(ctx)
	if err != nil {
		return err
	}
	for _, k := range credentials {
		p.Credentials = append(p.Credentials, credentialRow{k, k.StoredAt.UTC().Format(time.DateOnly), days(now.Sub(k.StoredAt))})
	}
	apps, err := s.apps(ctx)
	if err != nil {
		return err
	}
	p.ShopApp = shopAppOf(s.chosen, apps)
	for _, l := range s.certs() {
		p.Certs = append(p.Certs, rowOfCert(l, now))
	}
	p.Backup = s.lastBackup(now)
	return c.Render(http.StatusOK, "app/system", p)
}

func rowOfCert(l listenerCert, now time.Time) certRow {
	r := certRow{Setting: l.Setting, ACME: l.ACME, Names: strings.Join(l.Names, ", "), State: "good"}
	switch {
	case fault.Is(l.Err, fault.NotFound):
		r.State = "missing"
	case l.Err != nil:
		r.State = "bad"
	default:
		r.Ends, r.Days = l.Ends.Format(time.DateOnly), days(l.Ends.Sub(now))
		if l.ended(now) {
			r.State = "ended"
		} else if l.soon(now) {
			r.State = "soon"
		}
	}
	return r
}

func (s *systemPages) lastBackup(now time.Time) backupRow {
	b, err := backupOf(s.dataDir, now)
	if err != nil {
		return backupRow{State: "bad"}
	}
	if b.None {
		return backupRow{State: "none"}
	}
	r := backupRow{State: "good", File: b.Last.File, Size: bytesOf(b.Last.Bytes), At: b.Last.At.UTC().Format("2006-01-02 15:04"), Days: days(now.Sub(b.Last.At))}
	if b.Old {
		r.State = "old"
	}
	return r
}

// Glance tells on the page Now what a person must see to. That there is no backup yet is left
// to the page Health: a house that is being tried out has none.
func (s *systemPages) Glance(ctx context.Context, _ string) (g web.Glance, err error) {
	now := s.clock.Now()
	for _, l := range s.certs() {
		if r := rowOfCert(l, now); r.State == "ended" || r.State == "soon" {
			what := web.T("The certificate of %v ends on %v.", r.Setting, r.Ends)
			if r.State == "ended" {
				what = web.T("The certificate of %v ended on %v: browsers turn away.", r.Setting, r.Ends)
			}
			g.Alerts = append(g.Alerts, web.Alert{What: what, Do: web.T("Renew it; Health says how."), Link: "/system"})
		}
	}
	if r := s.lastBackup(now); r.State == "old" {
		g.Alerts = append(g.Alerts, web.Alert{What: web.T("The last backup is %v days old.", r.Days), Do: web.T("Run usher backup every night."), Link: "/system"})
	}
	apps, err := s.apps(ctx)
	if a := shopAppOf(s.chosen, apps); err == nil && a.State != "good" {
		g.Alerts = append(g.Alerts, web.Alert{What: web.T("It is not known to which app the browsers of the shop’s visitors belong: they get no notifications."), Do: web.T("Set sales.app; Health says how."), Link: "/system"})
	}
	return g, err
}

// age is a duration as people read it, to the second.
func age(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return d.Truncate(time.Second).String()
}
