package proximity

import (
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

func (s *Service) layoutPages() []web.Route {
	return []web.Route{
		look("/crowd/layout", s.pageLayout),
		look("/crowd/layout.csv", s.pageLayoutCSV),
		look("/crowd/layout.png", s.pageLayoutPNG),
		alter("/crowd/layout/pins", s.pagePin),
	}
}

// layoutPage is what an event says about its venue, before and after a better arrangement.
type layoutPage struct {
	Event       Event
	Venue       Venue
	State       string
	Until, Hour moment
	Complete    bool
	Narrow      []narrowRow
	Stated      bool // some passage has a width
	Unloved     []unlovedRow
	Unknown     []string
	Better      *betterView
	Before      *floor
	Stalls      []placeRow
	CSV, PNG    string
}

type narrowRow struct{ Name, Flow, Width, Load, Need string }

type unlovedRow struct{ Name, People, Expected, Share string }

// betterView is what the better arrangement is simulated to bring.
type betterView struct {
	Moved                                  int
	Walking, WalkingAfter, WalkingChange   string // person-kilometres of the busiest hour
	Peak, PeakAfter, PeakChange, PeakLevel string
	After                                  *floor
}

// placeRow is a stall, with its place before and after.
type placeRow struct {
	Number              int
	Name, Before, After string
	Far                 string
	People              string
	Pinned, Moved, Idle bool
}

func (s *Service) pageLayout(c echo.Context) error {
	ctx := c.Request().Context()
	report, v, err := s.Layout(ctx, c.QueryParam("event"))
	if err != nil {
		return err
	}
	e, err := s.Event(ctx, report.Event)
	if err != nil {
		return err
	}
	query := url.Values{"event": {e.Name}}.Encode()
	p := layoutPage{Event: e, Venue: v, State: e.state(s), Until: moment{report.At}, Hour: moment{report.Hour}, Complete: report.Complete, Unknown: report.Unknown,
		CSV: "/crowd/layout.csv?" + query, PNG: "/crowd/layout.png?" + query}
	for _, z := range v.Zones {
		p.Stated = p.Stated || z.Width > 0
	}
	for _, b := range report.Bottlenecks {
		p.Narrow = append(p.Narrow, narrowRow{b.Name, whole(b.Flow), short(b.Width), percent(b.Load), short(b.WidthNeed)})
	}
	for _, u := range report.Underused {
		p.Unloved = append(p.Unloved, unlovedRow{u.Stall, whole(u.People), whole(u.Expected), percent(u.People / u.Expected)})
	}
	if report.Complete {
		p.Before, p.Stalls = report.floor(&v, "As it was", report.sites), report.places(&v)
	}
	if b := report.Better; b != nil {
		p.Before.Title = "Before"
		p.Better = &betterView{
			Moved: b.Moved, After: report.floor(&v, "After", b.Sites),
			Walking: kilometres(b.WalkingBefore), WalkingAfter: kilometres(b.WalkingAfter), WalkingChange: change(b.WalkingBefore, b.WalkingAfter),
			Peak: fmt.Sprintf("%.2f", b.PeakBefore), PeakAfter: fmt.Sprintf("%.2f", b.PeakAfter), PeakChange: change(b.PeakBefore, b.PeakAfter), PeakLevel: string(heatmap.LevelOf(b.PeakAfter)),
		}
	}
	return c.Render(http.StatusOK, "proximity/report", p)
}

func whole(n float64) string      { return strconv.FormatFloat(math.Round(n), 'f', 0, 64) }
func percent(n float64) string    { return whole(100*n) + " %" }
func kilometres(m float64) string { return strconv.FormatFloat(m/1000, 'f', 1, 64) }

// change is by how much something rises or falls.
func change(before, after float64) string {
	switch share := math.Round(100 * (after/before - 1)); {
	case before == 0 || share == 0:
		return "unchanged"
	case share < 0:
		return fmt.Sprintf("%.0f %% less", -share)
	default:
		return fmt.Sprintf("%.0f %% more", share)
	}
}

// places are the stalls in the venue's order.
func (l *Layout) places(v *Venue) (rows []placeRow) {
	unknown := map[string]bool{}
	for _, name := range l.Unknown {
		unknown[name] = true
	}
	for i, t := range v.Stalls {
		at := func(x, y float64) string { return fmt.Sprintf("%.1f, %.1f", x, y) }
		row := placeRow{Number: i + 1, Name: t.Name, Before: at(t.X, t.Y), After: "–", Far: "–", People: whole(l.sites[i].People), Pinned: t.Pinned, Idle: unknown[t.Name]}
		if l.sites[i].People == 0 {
			row.People = "–"
		}
		if l.Better != nil {
			if to := l.Better.Sites[i]; to.X != t.X || to.Y != t.Y {
				row.Moved, row.After, row.Far = true, at(to.X, to.Y), whole(math.Hypot(to.X-t.X, to.Y-t.Y))+" m"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// pageLayoutCSV is where each stall stands, and where it would.
func (s *Service) pageLayoutCSV(c echo.Context) error {
	report, v, err := s.Layout(c.Request().Context(), c.QueryParam("event"))
	if err != nil {
		return err
	}
	w := attach(c, "text/csv; charset=utf-8", report.Event+"-layout.csv")
	rows := csv.NewWriter(w)
	_ = rows.Write([]string{"kind", "name", "x", "y", "x_after", "y_after", "before", "after", "unit"})
	number := func(n float64, digits int) string { return strconv.FormatFloat(n, 'f', digits, 64) }
	for i, t := range v.Stalls {
		x, y := t.X, t.Y
		if report.Better != nil {
			x, y = report.Better.Sites[i].X, report.Better.Sites[i].Y
		}
		_ = rows.Write([]string{"stall", sheet.Guard(t.Name), short(t.X), short(t.Y), short(x), short(y), "", "", "m"})
	}
	for _, b := range report.Bottlenecks {
		_ = rows.Write([]string{"bottleneck", sheet.Guard(b.Name), "", "", "", "", short(b.Width), short(b.WidthNeed), "m wide"})
	}
	for _, u := range report.Underused {
		_ = rows.Write([]string{"under-used", sheet.Guard(u.Stall), "", "", "", "", number(u.People, 0), number(u.Expected, 0), "people, and expected"})
	}
	if b := report.Better; b != nil {
		_ = rows.Write([]string{"walking", "", "", "", "", "", number(b.WalkingBefore, 0), number(b.WalkingAfter, 0), "person-metres an hour"})
		_ = rows.Write([]string{"peak density", "", "", "", "", "", number(b.PeakBefore, 3), number(b.PeakAfter, 3), "people a square metre"})
	}
	rows.Flush()
	return rows.Error()
}

// pagePin pins a stall to its place, or lets it go.
func (s *Service) pagePin(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.Event(ctx, c.FormValue("event"))
	if err != nil {
		return err
	}
	_, err = s.ChangeVenue(ctx, e.Venue, func(v *Venue) error {
		t := v.stall(c.FormValue("stall"))
		if t == nil {
			return fault.BadField("proximity.layout", "stall", "is not at this venue", "it may have been renamed: look again")
		}
		t.Pinned = c.FormValue("pinned") == "yes"
		return nil
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/crowd/layout?"+url.Values{"event": {e.Name}}.Encode()+"#stalls")
}
