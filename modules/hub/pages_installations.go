package hub

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// installationsPage is a search among installations and what it found.
type installationsPage struct {
	Apps     []App
	Want     Selection
	Look     string // an id to go to
	Wrong    map[string][]fault.Field
	Found    web.Number
	Rows     []installationRow
	Next     string // cursor
	First    bool
	Empty    bool // there are no apps yet
	Choice   []choice
	Services []choice
}

// choice is an option of the search.
type choice struct{ Value, Name string }

var statusChoices = []choice{{"", "Any status"}, {StatusActive, "Active"}, {StatusRetired, "Retired"}, {StatusQuarantined, "Quarantined"}}

var serviceChoices = []choice{{"", "Any"}, {string(push.APNs), serviceNames[push.APNs]}, {string(push.FCM), serviceNames[push.FCM]}, {string(push.WebPush), serviceNames[push.WebPush]}}

type installationRow struct {
	App, ID  string
	Service  string
	Language web.Text
	Locale   string
	Status   string
	Tags     []string
	Updated  instant
}

func (s *Service) pageInstallations(c echo.Context) error {
	ctx := c.Request().Context()
	apps, err := s.Apps(ctx)
	if err != nil {
		return err
	}
	p := installationsPage{Apps: apps, Choice: statusChoices, Services: serviceChoices, Empty: len(apps) == 0, Look: strings.TrimSpace(c.QueryParam("id")),
		Want: Selection{App: c.QueryParam("app"), Tags: c.QueryParam("tags"), Status: c.QueryParam("status"), Service: push.Service(c.QueryParam("service"))}}
	if p.Empty {
		return c.Render(http.StatusOK, "hub/installations", p)
	}
	if p.Want.App == "" {
		p.Want.App = apps[0].ID
	}
	if p.Look != "" {
		_, err := s.Installation(ctx, p.Want.App, p.Look)
		if err == nil {
			return c.Redirect(http.StatusSeeOther, installationPath(p.Want.App, p.Look))
		}
		return s.refuseSearch(c, p, "id", err)
	}
	if err := s.search(ctx, c.QueryParam("cursor"), apps, &p); err != nil {
		return s.refuseSearch(c, p, "tags", err)
	}
	return c.Render(http.StatusOK, "hub/installations", p)
}

// search fills in a page of what is wanted.
func (s *Service) search(ctx context.Context, cursor string, apps []App, p *installationsPage) error {
	from, err := web.DecodeCursor[installationPlace](cursor)
	if err != nil {
		return err
	}
	sel, err := s.resolve(ctx, p.Want)
	if err != nil {
		return err
	}
	found, err := s.countInstallations(ctx, sel)
	if err != nil {
		return err
	}
	list, next, err := s.installations(ctx, sel, from, 50)
	if err != nil {
		return err
	}
	p.Found, p.First = web.Number(found), from.No == 0
	if next != nil {
		p.Next = web.EncodeCursor(next)
	}
	app := apps[slices.IndexFunc(apps, func(a App) bool { return a.ID == sel.App })]
	for _, in := range list {
		locale := orElse(in.Locale, app.Locale)
		p.Rows = append(p.Rows, installationRow{App: in.App, ID: in.ID, Service: serviceName(in.Service), Locale: locale,
			Language: languageName(locale), Status: in.Status, Tags: in.Tags, Updated: instant{in.UpdatedAt}})
	}
	return nil
}

// refuseSearch shows the search with its faults; other errors become an error page.
func (s *Service) refuseSearch(c echo.Context, p installationsPage, input string, err error) error {
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
		return err
	}
	p.Wrong = map[string][]fault.Field{}
	for _, f := range fieldsOf(err, input) {
		p.Wrong[f.Name] = append(p.Wrong[f.Name], f)
	}
	return c.Render(http.StatusUnprocessableEntity, "hub/installations", p)
}

// installationPage is all that is known of one installation.
type installationPage struct {
	In        Installation
	Service   string
	Language  web.Text
	Zone      string
	Handle    string // its ends: enough to recognise, too little to send to
	Quiet     string
	Changed   instant
	Confirmed instant
	Made      instant
	Ended     instant
	Attrs     string // JSON
	Templates []named
	Last      []lastRow
}

type named struct{ Name, Text string }

// lastRow is a recent notification and what became of it here.
type lastRow struct {
	notificationRow
	Outcome string
	Why     string
	Good    bool
}

// lastCount is how many recent notifications are looked up for one installation.
const lastCount = 5

func (s *Service) pageInstallation(c echo.Context) error {
	ctx := c.Request().Context()
	in, err := s.Installation(ctx, c.Param("app"), c.Param("id"))
	if err != nil {
		return err
	}
	app, err := s.App(ctx, in.App)
	if err != nil {
		return err
	}
	p := installationPage{
		In: in, Service: serviceName(in.Service), Language: languageName(orElse(in.Locale, app.Locale)), Zone: orElse(in.Zone, app.Zone),
		Handle: ends(in.Handle), Quiet: quietWords(in.Quiet, app.Quiet), Changed: instant{in.UpdatedAt}, Confirmed: instant{in.HandleAt},
		Made: instant{in.CreatedAt}, Ended: at(in.StatusAt),
	}
	if len(in.Props) > 0 {
		attrs, err := json.MarshalIndent(in.Props, "", "  ")
		if err != nil {
			return fault.E("hub.pageInstallation", fault.Internal, "cannot write the attributes", err)
		}
		p.Attrs = string(attrs)
	}
	for name, t := range in.Templates {
		p.Templates = append(p.Templates, named{name, string(t.Body)})
	}
	slices.SortFunc(p.Templates, func(a, b named) int { return compareText(a.Name, b.Name) })
	if p.Last, err = s.lastFor(ctx, in); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "hub/installation", p)
}

// lastFor traces the app's latest notifications to one installation.
func (s *Service) lastFor(ctx context.Context, in Installation) ([]lastRow, error) {
	list, _, err := s.Notifications(ctx, in.App, place{}, lastCount)
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]lastRow, len(rows))
	for i, n := range list {
		t, err := s.Trace(ctx, n.ID, in.ID)
		if err != nil {
			return nil, err
		}
		out[i] = lastRow{notificationRow: rows[i], Outcome: t.Outcome, Good: t.Outcome == stateDelivered}
		if len(t.Steps) > 0 {
			out[i].Why = t.Steps[len(t.Steps)-1].What
		}
	}
	return out, nil
}

func ends(handle string) string {
	const shown = 6
	if len(handle) <= 4*shown {
		return "…"
	}
	return handle[:shown] + "…" + handle[len(handle)-shown:]
}

func quietWords(own, app *Quiet) string {
	switch {
	case own != nil:
		return own.From + "–" + own.To
	case app != nil:
		return app.From + "–" + app.To + ", the app's"
	}
	return "none"
}

func installationPath(app, id string) string {
	return "/installations/" + url.PathEscape(app) + "/" + url.PathEscape(id)
}
