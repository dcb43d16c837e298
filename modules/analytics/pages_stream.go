package analytics

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// StreamPages are the dashboard's pages about the log: what comes in, who listens,
// what failed, and what is in it.
func (s *Service) StreamPages() []web.Route {
	page := func(method, path string, right web.Right, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: path, Right: right, Handler: h}
	}
	live, all := page("GET", "/stream/live", web.Staff, s.getStreamLive), page("POST", "/stream/parked/replay", web.Admin, s.pageReplayAllParked)
	live.Timeout, all.Timeout = -1, 5*time.Minute
	return []web.Route{
		page("GET", "/stream", web.Staff, s.pageStream),
		live,
		page("GET", "/stream/listeners", web.Staff, s.pageListeners),
		page("GET", "/stream/listeners/:name/replay", web.Admin, s.pageReplayListener),
		page("POST", "/stream/listeners/:name/replay", web.Admin, s.pageReplayConfirmed),
		page("GET", "/stream/parked", web.Staff, s.pageParked),
		all,
		page("GET", "/stream/parked/:id", web.Staff, s.pageParkedFact),
		page("POST", "/stream/parked/:id/replay", web.Admin, s.pageReplayParked),
		page("POST", "/stream/parked/:id/discard", web.Admin, s.pageDiscardParked),
		page("GET", "/stream/log", web.Staff, s.pageLog),
		page("GET", "/stream/log/:xid/:id", web.Staff, s.pageFact),
		page("GET", "/stream/export", web.Staff, s.pageExport),
	}
}

// admin reports whether the caller may do more than look.
func admin(c echo.Context) bool { return web.Require(c, web.Admin) == nil }

// streamPage is what came in at the ingest door.
type streamPage struct {
	Hour     bool // the last hour by minute; otherwise the last day by quarter of an hour
	Type     string
	Types    []string // there are, in that time
	Total    count
	Rate     string // accepted a second, in the last whole minute
	Points   []intakePoint
	ByType   []intakeType
	Refusals []Refusal
	Live     string // address of the live stream
}

// intakePoint is what came in within a minute or a quarter of an hour.
type intakePoint struct {
	At    int64 // beginning, seconds since 1970
	Clock string
	count
}

type intakeType struct {
	Type string
	Rate string
	count
}

const (
	refusalsOnPage = 25
	liveIntake     = 2 * time.Second // the meter writes every five
)

func (s *Service) pageStream(c echo.Context) error {
	p, err := s.intakePage(c.Request().Context(), c.QueryParam("span") != "day", c.QueryParam("type"))
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "analytics/stream", p)
}

func (s *Service) intakePage(ctx context.Context, hour bool, typ string) (p streamPage, err error) {
	width, bins := time.Minute, 60
	if !hour {
		width, bins = 15*time.Minute, 96
	}
	now := s.db.Now().UTC()
	first := now.Truncate(width).Add(-time.Duration(bins-1) * width)
	rows, err := s.intakeSince(ctx, first)
	if err != nil {
		return p, err
	}
	p = streamPage{Hour: hour, Type: typ, Live: "/stream/live?" + url.Values{"span": {map[bool]string{true: "hour", false: "day"}[hour]}, "type": {typ}}.Encode()}
	p.draw(rows, first, width, bins, now)
	p.Refusals, err = s.refusals(ctx, refusalsOnPage)
	return p, err
}

// draw puts what came in into bins, and sums it by type.
func (p *streamPage) draw(rows []intakeRow, first time.Time, width time.Duration, bins int, now time.Time) {
	for i := range bins {
		at := first.Add(time.Duration(i) * width)
		p.Points = append(p.Points, intakePoint{At: at.Unix(), Clock: at.Format("2 Jan, 15:04")})
	}
	whole := now.Truncate(time.Minute).Add(-time.Minute) // the last minute that is over
	sums, rates := map[string]*count{}, map[string]int64{}
	for _, r := range rows {
		if sums[r.Type] == nil {
			sums[r.Type] = &count{}
			p.Types = append(p.Types, r.Type)
		}
		sums[r.Type].add(r)
		if r.Minute.Equal(whole) {
			rates[r.Type] += r.Accepted
		}
		if p.Type != "" && p.Type != r.Type {
			continue
		}
		p.Total.add(r)
		if i := int(r.Minute.Sub(first) / width); i >= 0 && i < bins {
			p.Points[i].add(r)
		}
	}
	slices.Sort(p.Types)
	sum := int64(0)
	for _, t := range p.Types {
		p.ByType = append(p.ByType, intakeType{Type: t, Rate: perSecond(rates[t]), count: *sums[t]})
		if p.Type == "" || p.Type == t {
			sum += rates[t]
		}
	}
	if p.Type != "" && !slices.Contains(p.Types, p.Type) {
		p.Types = append(p.Types, p.Type)
	}
	p.Rate = perSecond(sum)
}

func (c *count) add(r intakeRow) {
	c.Accepted += r.Accepted
	c.Duplicate += r.Duplicate
	c.Rejected += r.Rejected
}

func perSecond(inMinute int64) string { return figure(float64(inMinute) / 60) }

// When is the time of a rejected event, for people.
func (r Refusal) When() moment { return moment{r.At} }

// liveIntakeEvent carries fragments that the page puts in place.
type liveIntakeEvent struct {
	Numbers string `json:"numbers"`
	Points  string `json:"points"` // rows of the chart's table
}

// getStreamLive sends an event "intake" whenever the page would look different.
func (s *Service) getStreamLive(c echo.Context) error {
	hour, typ := c.QueryParam("span") != "day", c.QueryParam("type")
	return web.Stream(c, func(send func(string, any) error) error {
		ctx := c.Request().Context()
		look := time.NewTicker(liveIntake)
		defer look.Stop()
		for last := (liveIntakeEvent{}); ; {
			now, err := s.intakeNow(c, hour, typ)
			if err != nil {
				return err
			}
			if now != last {
				if err := send("intake", now); err != nil {
					return err
				}
				last = now
			}
			select {
			case <-look.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// intakeNow renders what the page shows now.
func (s *Service) intakeNow(c echo.Context, hour bool, typ string) (now liveIntakeEvent, err error) {
	p, err := s.intakePage(c.Request().Context(), hour, typ)
	if err != nil {
		return now, err
	}
	if now.Numbers, err = fragment(c, "numbers", p); err != nil {
		return now, err
	}
	now.Points, err = fragment(c, "points", p)
	return now, err
}

func fragment(c echo.Context, block string, p streamPage) (string, error) {
	var html bytes.Buffer
	err := c.Echo().Renderer.Render(&html, "analytics/stream#"+block, p, c)
	return html.String(), err
}
