package app

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// systemPages show how Usher itself is: what must work, jobs, listeners, credentials.
type systemPages struct {
	checks      []Check
	lanes       func(context.Context) ([]queue.LaneStats, error)
	lag         func(context.Context) ([]stream.Lag, error)
	parked      func(context.Context) (map[string]int, error)
	credentials func(context.Context) ([]hub.Credential, error)
}

// systemPage is what the page shows.
type systemPage struct {
	Checks      []CheckResult
	Lanes       []laneRow
	Listeners   int
	Behind      []lagRow // those that have something to do
	Parked      int
	Credentials []credentialRow
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
	Changed string
}

// Pages are the page of the system's health.
func (s *systemPages) Pages() []web.Route {
	return []web.Route{{Method: http.MethodGet, Path: "/system", Right: web.Staff, Handler: s.page}}
}

func (s *systemPages) page(c echo.Context) error {
	ctx := c.Request().Context()
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
		p.Credentials = append(p.Credentials, credentialRow{k, k.UpdatedAt.UTC().Format("2 Jan 2006, 15:04")})
	}
	return c.Render(http.StatusOK, "app/system", p)
}

// age is a duration as people read it, to the second.
func age(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return d.Truncate(time.Second).String()
}
