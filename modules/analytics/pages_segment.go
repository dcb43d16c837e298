package analytics

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/sheet"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) segmentPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/segments", Right: web.Staff, Handler: s.pageSegments},
		{Method: "POST", Path: "/segments", Right: web.Admin, Handler: s.pageSegment},
		{Method: "POST", Path: "/segments/:no", Right: web.Admin, Handler: s.pageSegmentNamed},
		{Method: "GET", Path: "/segments/:no/members.csv", Right: web.Admin, Handler: s.pageMembers, Timeout: -1},
	}
}

// segmentsPage is who buys how, and which events sell alike.
type segmentsPage struct {
	Run       Segmentation
	Made      moment // zero: there was no run
	Customers []segmentRow
	Events    []segmentRow
	May       bool // run, rename, export
}

// segmentRow is a segment in plain words.
type segmentRow struct {
	Segment
	Own    string // what sets it apart, where a person named it
	Share  string
	Traits []trait
	Notify string // address of a new notification to it
	Names  []string
	More   int // events beside those of Names
	May    bool
}

type trait struct{ Name, Value string }

// mostNames is how many of its events stand beside a group.
const mostNames = 6

func (s *Service) pageSegments(c echo.Context) error {
	ctx := c.Request().Context()
	list, err := s.segments(ctx)
	if err != nil {
		return err
	}
	run, _, err := s.segmentation(ctx)
	if err != nil {
		return err
	}
	name := s.namer(ctx)
	p := segmentsPage{Run: run, Made: moment{run.MadeAt}, May: admin(c)}
	for _, g := range list {
		row := segmentRowOf(g)
		row.May = p.May
		if g.Kind == kindCustomers {
			p.Customers = append(p.Customers, row)
			continue
		}
		if err := s.nameMembers(ctx, &row, name); err != nil {
			return err
		}
		p.Events = append(p.Events, row)
	}
	return c.Render(http.StatusOK, "analytics/segments", p)
}

func segmentRowOf(g Segment) segmentRow {
	r := segmentRow{Segment: g}
	if g.Customer != nil {
		r.Traits, r.Own, r.Share = habits(g.Customer), g.Customer.Own, percent(g.Customer.Share)
		r.Notify = "/notifications/new?tags=" + url.QueryEscape(g.Tag)
	} else if g.Event != nil {
		r.Traits, r.Own = course(g.Event), g.Event.Own
	}
	if r.Own == g.Name {
		r.Own = ""
	}
	return r
}

// habits are how the customers of a segment buy; medians are of half of them.
func habits(g *cluster.Segment) []trait {
	h := g.Habits()
	return []trait{
		{"Orders", fmt.Sprintf("%.0f", h.Orders)}, {"Last one", days(h.Recency) + " ago"}, {"Bought", days(h.Lead) + " ahead"},
		{"An order", fmt.Sprintf("about %.0f", h.Basket/100)}, {"On weekends", percent(g.Weekend)}, {"Discounted", percent(g.Discounted)},
	}
}

// course is how the events of a group sell.
func course(g *cluster.EventGroup) []trait {
	if g.Past == 0 {
		return []trait{{"Over", "none yet"}}
	}
	return []trait{{"Over", fmt.Sprintf("%d of them", g.Past)}, {"In the first week", percent(g.Early)}, {"In the last week", percent(g.Late)}, {"Full", percent(g.Fill)}}
}

func days(n float64) string {
	if n = math.Round(n); n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%.0f days", n)
}

// nameMembers names the first events of a group.
func (s *Service) nameMembers(ctx context.Context, r *segmentRow, name func(event string) string) error {
	members, err := s.membersOf(ctx, r.No, "", mostNames)
	if err != nil {
		return err
	}
	for _, m := range members {
		r.Names = append(r.Names, name(m))
	}
	r.More = r.Reach - len(r.Names)
	return nil
}

func (s *Service) pageSegment(c echo.Context) error {
	if err := s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return tx.Enqueue(segmentJob()) }); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/segments")
}

func (s *Service) pageSegmentNamed(c echo.Context) error {
	no, err := segmentParam(c)
	if err != nil {
		return err
	}
	if err := s.RenameSegment(c.Request().Context(), no, c.FormValue("name")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/segments")
}

// pageMembers is a list of the ids of who is in a segment, as CSV.
func (s *Service) pageMembers(c echo.Context) error {
	ctx := c.Request().Context()
	no, err := segmentParam(c)
	if err != nil {
		return err
	}
	g, err := s.segmentOf(ctx, no)
	if err != nil {
		return err
	}
	head := c.Response().Header()
	head.Set("Content-Type", "text/csv; charset=utf-8")
	head.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="segment-%d.csv"`, no))
	w := csv.NewWriter(c.Response())
	if err := w.Write([]string{"segment", map[string]string{kindCustomers: "person", kindEvents: "event"}[g.Kind]}); err != nil {
		return err
	}
	for after := ""; ; {
		list, err := s.membersOf(ctx, no, after, membersMost)
		if err != nil {
			return err
		}
		for _, m := range list {
			if err := w.Write([]string{sheet.Guard(g.Name), sheet.Guard(m)}); err != nil {
				return err
			}
			after = m
		}
		if len(list) < membersMost {
			break
		}
	}
	w.Flush()
	return w.Error()
}
