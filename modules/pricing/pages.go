package pricing

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// Pages are pricing's part of the dashboard. Staff looks, admins change.
func (s *Service) Pages() []web.Route {
	look := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "GET", Path: "/prices" + path, Right: web.Staff, Handler: h}
	}
	change := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "POST", Path: "/prices" + path, Right: web.Admin, Handler: h}
	}
	return []web.Route{
		look("", s.pageOverview),
		look("/decisions", s.pageDecisions),
		look("/:category", s.pageCategory),
		look("/:category/what-if", s.pageWhatIf),
		look("/:category/simulation", s.pageSimulation),
		change("/stop", s.pageStopped),
		change("/decisions/:decision/agree", s.pageAgreed),
		change("/decisions/:decision/refuse", s.pageRefused),
		change("/:category", s.pageRuleSet),
		change("/:category/decide", s.pageLooked),
	}
}

// admin reports whether who asks may change something.
func admin(c echo.Context) bool { return web.Require(c, web.Admin) == nil }

// moment is a point in time as people read it, in UTC; – when there is none.
type moment struct{ time.Time }

// HTML is a time element.
func (m moment) HTML() template.HTML {
	if m.IsZero() {
		return "–"
	}
	t := m.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2 Jan 2006, 15:04") + ` UTC</time>`) //nolint:gosec // digits and letters only
}

// overviewPage lists every category, and what waits for people.
type overviewPage struct {
	Stop   Stop // of everything
	StopAt moment
	Stops  []eventStop
	Open   []decisionRow
	Lines  []lineRow
	Latest []decisionRow
	May    bool
	Said   []fault.Field // what went wrong
}

// eventStop is the kill switch of one event.
type eventStop struct {
	ID      id.ID
	Title   string
	Stopped bool
}

type lineRow struct {
	ID                 id.ID
	Event, Title       string
	Price, From, Until string
	Mode               string
	Left               int
}

func (s *Service) pageOverview(c echo.Context) error { return s.showOverview(c, http.StatusOK, nil) }

func (s *Service) showOverview(c echo.Context, status int, wrong error) error {
	ctx := c.Request().Context()
	lines, err := s.Overview(ctx)
	if err != nil {
		return err
	}
	open, err := s.Open(ctx)
	if err != nil {
		return err
	}
	latest, err := s.Decisions(ctx, DecisionQuery{Moves: true, Limit: 5})
	if err != nil {
		return err
	}
	stops, err := s.Stops(ctx)
	if err != nil {
		return err
	}
	names := s.titlesOf(ctx, slices.Concat(open, latest), lines)
	p := overviewPage{Open: rowsOf(open, names), Latest: rowsOf(latest, names), May: admin(c), Said: said(wrong)}
	stopped := map[id.ID]bool{}
	for _, stop := range stops {
		if stopped[stop.Event] = stop.Stopped; stop.Event == id.Nil {
			p.Stop, p.StopAt = stop, moment{stop.At}
		}
	}
	var last id.ID
	for _, l := range lines {
		p.Lines = append(p.Lines, lineRow{ID: l.Category.ID, Event: l.Event.Title, Title: l.Category.Title, Price: amount(l.Price, l.Currency),
			From: amount(l.Rule.FloorMinor, l.Currency), Until: amount(l.Rule.CeilingMinor, l.Currency), Mode: modeWords(&l.Rule), Left: l.Left})
		if l.Event.ID != last {
			last = l.Event.ID
			p.Stops = append(p.Stops, eventStop{last, l.Event.Title, stopped[last]})
		}
	}
	return c.Render(status, "pricing/overview", p)
}

func modeWords(r *Rule) string {
	switch {
	case r.Concession:
		return "concession"
	case r.Mode == policy.Auto:
		return "automatic"
	case r.Mode == policy.Approve:
		return "asks first"
	}
	return "off"
}

// said is a fault in words for the top of a page.
func said(err error) []fault.Field {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if len(f.Fields) > 0 {
			return f.Fields
		}
		return []fault.Field{{Problem: f.Message, Fix: f.Fix}}
	}
	return []fault.Field{{Problem: fault.Message(err)}}
}

// decisionRow is a decision in a list.
type decisionRow struct {
	ID                      id.ID
	Category                id.ID
	At                      moment
	Where, Old, New, Reason string
	Cause, Approver, Model  string
	Gain                    string
	Outcome                 string
	Up                      bool
	Inputs                  []inputRow
}

// inputRow is one thing that a decision was made from.
type inputRow struct{ Name, Value string }

// titlesOf names the categories that decisions are about: those on sale from lines, and
// those of events that have begun, or are not sold any more, from the shop.
func (s *Service) titlesOf(ctx context.Context, list []Decision, lines []Line) map[id.ID]string {
	names, asked := map[id.ID]string{}, map[id.ID]bool{}
	for _, l := range lines {
		names[l.Category.ID] = l.Title
	}
	for _, d := range list {
		if names[d.Category] != "" || asked[d.Event] {
			continue
		}
		asked[d.Event] = true
		e, err := s.shop.Listing(ctx, d.Event)
		if err != nil {
			continue // it is gone, or cannot be asked: the page says so much and goes on
		}
		for _, k := range e.Categories {
			names[k.ID] = e.Title + ", " + k.Title
		}
	}
	return names
}

// rowsOf draws decisions; names are those of their categories.
func rowsOf(list []Decision, names map[id.ID]string) []decisionRow {
	out := make([]decisionRow, len(list))
	for i, d := range list {
		out[i] = decisionRow{ID: d.ID, Category: d.Category, At: moment{d.At}, Where: names[d.Category], Old: amount(d.OldMinor, d.Currency), New: amount(d.NewMinor, d.Currency),
			Reason: d.Reason, Cause: causeWords[d.Cause], Approver: d.Approver, Model: d.Model, Gain: percent(d.Gain), Outcome: d.Outcome, Up: d.NewMinor > d.OldMinor, Inputs: inputsOf(d)}
		if out[i].Where == "" {
			out[i].Where = "an earlier category"
		}
	}
	return out
}

var causeWords = map[string]string{causeDaily: "daily look", causeDemandUp: "demand rose", causeDemandDn: "demand fell", causeCarts: "carts left behind",
	causeSoldOut: "a category sold out", causeQueue: "a long queue", causeByHand: "asked by hand", causeAgreement: "agreed"}

func inputsOf(d Decision) []inputRow {
	in := d.Inputs
	return []inputRow{
		{"Tickets left", fmt.Sprintf("%d of %d", in.Left, in.Capacity)},
		{"Forecast to the end, at list price", fmt.Sprintf("%.0f tickets", in.Forecast)},
		{"Demand to the end, at the price then", fmt.Sprintf("%.0f tickets", in.Demand)},
		{"Days learned from", fmt.Sprint(in.Days)},
		{"Level (log)", fmt.Sprintf("%+.2f ± %.2f", in.Level, in.LevelSD)},
		{"Sensitivity to the price", fmt.Sprintf("%.2f ± %.2f", in.Sensitivity, in.SensSD)},
		{"Expected takings", amount(int64(in.Takings), d.Currency) + ", instead of " + amount(int64(in.AtOnce), d.Currency)},
		{"Lowest price of 30 days", amount(in.Lowest30, d.Currency)},
		{"Limits then", amount(in.Rule.FloorMinor, d.Currency) + " to " + amount(in.Rule.CeilingMinor, d.Currency) + ", " + percent(in.Rule.Daily) + " a day, version " + fmt.Sprint(in.Rule.Version)},
		{"Model", d.Model},
	}
}

func (s *Service) pageStopped(c echo.Context) error {
	event := id.Nil
	if text := c.FormValue("event"); text != "" {
		var err error
		if event, err = id.Parse(text); err != nil {
			return fault.E("pricing.pageStopped", fault.NotFound, "there is no such event", nil)
		}
	}
	ctx := c.Request().Context()
	if err := s.SetStop(ctx, event, c.FormValue("stopped") == "yes", web.Actor(ctx)); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/prices")
}

// decisionsPage is a page of the list of decisions.
type decisionsPage struct {
	Rows     []decisionRow
	Next     string
	Moves    bool
	Category string
	First    bool
}

func (s *Service) pageDecisions(c echo.Context) error {
	list, next, err := s.decisionPage(c, 25, 200)
	if err != nil {
		return err
	}
	lines, err := s.Overview(c.Request().Context())
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "pricing/decisions", decisionsPage{Rows: rowsOf(list, s.titlesOf(c.Request().Context(), list, lines)), Next: next,
		Moves: c.QueryParam("moves") != "", Category: c.QueryParam("category"), First: c.QueryParam("cursor") == ""})
}

func (s *Service) pageAgreed(c echo.Context) error {
	return s.answered(c, func(name id.ID, actor string) error {
		_, err := s.Agree(c.Request().Context(), name, actor)
		return err
	})
}

func (s *Service) pageRefused(c echo.Context) error {
	return s.answered(c, func(name id.ID, actor string) error { return s.Refuse(c.Request().Context(), name, actor) })
}

func (s *Service) answered(c echo.Context, do func(name id.ID, actor string) error) error {
	name, err := named(c, "decision")
	if err != nil {
		return err
	}
	err = do(name, web.Actor(c.Request().Context()))
	if fault.Is(err, fault.Conflict) {
		return s.showOverview(c, http.StatusConflict, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/prices")
}

// trimmed is a number without the zeros at its end.
func trimmed(x float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}
