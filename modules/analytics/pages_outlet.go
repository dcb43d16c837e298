package analytics

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// OutletPages are the dashboard's pages about webhooks: staff look, admins change.
func (s *Service) OutletPages() []web.Route {
	look := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "GET", Path: "/webhooks" + path, Right: web.Staff, Handler: h}
	}
	change := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "POST", Path: "/webhooks" + path, Right: web.Admin, Handler: h}
	}
	return []web.Route{
		look("", s.pageOutlets), change("", s.pageOutletMade),
		look("/:id", s.pageOutlet), change("/:id", s.pageOutletChanged),
		change("/:id/do", s.pageOutletDone),
		change("/:id/deliveries/:delivery/replay", s.pageDeliveryReplayed),
	}
}

// outletForm is what somebody typed about a webhook.
type outletForm struct { //nolint:recvcheck // templates ask copies; only refuse changes it
	Name, URL string
	Types     []string
	Wrong     map[string][]fault.Field
	Rest      []fault.Field
}

// Kinds are the facts to choose from.
func (outletForm) Kinds() []OutletType { return OutletTypes }

// Has reports whether a fact is chosen.
func (f outletForm) Has(typ string) bool { return slices.Contains(f.Types, typ) }

func readOutletForm(v url.Values) outletForm {
	return outletForm{Name: v.Get("name"), URL: v.Get("url"), Types: v["types"]}
}

func (f outletForm) draft() OutletDraft { return OutletDraft{f.Name, f.URL, slices.Clone(f.Types)} }

// refuse notes what is wrong beside each input. It reports false for what no form can mend.
func (f *outletForm) refuse(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid && e.Code != fault.Conflict {
		return false
	}
	f.Wrong = map[string][]fault.Field{}
	for _, field := range e.Fields {
		switch field.Name {
		case "name", "url":
			f.Wrong[field.Name] = append(f.Wrong[field.Name], field)
		default:
			f.Wrong["types"] = append(f.Wrong["types"], field)
		}
	}
	if len(e.Fields) == 0 {
		f.Rest = []fault.Field{{Problem: e.Message, Fix: e.Fix}}
	}
	return true
}

type outletsPage struct {
	Outlets []outletRow
	Form    outletForm
	May     bool
}

// outletRow is a webhook in the list.
type outletRow struct {
	Outlet
	OK moment
}

// State is its health in a word.
func (o Outlet) State() string {
	switch {
	case o.Paused:
		return "paused"
	case o.Failures > 0:
		return "failing"
	case o.OKAt == nil:
		return "new"
	}
	return "working"
}

func (s *Service) pageOutlets(c echo.Context) error {
	return s.showOutlets(c, http.StatusOK, outletForm{Types: []string{"sales.price_set"}})
}

func (s *Service) showOutlets(c echo.Context, status int, f outletForm) error {
	list, err := s.Outlets(c.Request().Context())
	if err != nil {
		return err
	}
	p := outletsPage{Form: f, May: admin(c)}
	for _, o := range list {
		row := outletRow{Outlet: o}
		if o.OKAt != nil {
			row.OK = moment{*o.OKAt}
		}
		p.Outlets = append(p.Outlets, row)
	}
	return c.Render(status, "analytics/outlets", p)
}

func (s *Service) pageOutletMade(c echo.Context) error {
	f, err := postedOutlet(c)
	if err != nil {
		return err
	}
	var o Outlet
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { o, err = s.CreateOutlet(tx, f.draft()); return err })
	if err != nil && f.refuse(err) {
		return s.showOutlets(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/webhooks/"+o.ID.String())
}

func postedOutlet(c echo.Context) (outletForm, error) {
	v, err := c.FormParams()
	if err != nil {
		return outletForm{}, fault.E("analytics.form", fault.Invalid, "the form cannot be read", err).WithFix("open it anew")
	}
	return readOutletForm(v), nil
}

// outletPage is one webhook with its deliveries.
type outletPage struct {
	outletRow
	Form       outletForm
	Secrets    *Secrets // nil: the viewer may only look
	Until      moment   // of the secret before
	Deliveries []deliveryRow
	Only       string // the state that is shown; "": all
	Next       string
	May        bool
}

type deliveryRow struct {
	Delivery
	At, Again moment
}

func (s *Service) pageOutlet(c echo.Context) error { return s.showOutlet(c, http.StatusOK, nil) }

// showOutlet shows it, with a form as it was typed when that was refused.
func (s *Service) showOutlet(c echo.Context, status int, typed *outletForm) error {
	ctx := c.Request().Context()
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	o, err := s.Outlet(ctx, outlet)
	if err != nil {
		return err
	}
	list, err := s.deliveryPage(c, outlet, 25, 25)
	if err != nil {
		return err
	}
	p := outletPage{outletRow: outletRow{Outlet: o}, Form: outletForm{Name: o.Name, URL: o.URL, Types: o.Types}, Only: c.QueryParam("state"), Next: list.Next, May: admin(c)}
	if o.OKAt != nil {
		p.OK = moment{*o.OKAt}
	}
	if typed != nil {
		p.Form = *typed
	}
	if p.May {
		secrets := s.secretsOf(&o, s.db.Now())
		if p.Secrets = &secrets; secrets.Until != nil {
			p.Until = moment{*secrets.Until}
		}
	}
	for _, d := range list.Items {
		row := deliveryRow{Delivery: d, At: moment{d.CreatedAt}}
		if d.NextAt != nil && d.State == stateWaiting {
			row.Again = moment{*d.NextAt}
		}
		p.Deliveries = append(p.Deliveries, row)
	}
	return c.Render(status, "analytics/outlet", p)
}

func (s *Service) pageOutletChanged(c echo.Context) error {
	f, err := postedOutlet(c)
	if err != nil {
		return err
	}
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { _, err := s.ChangeOutlet(tx, outlet, f.draft()); return err })
	if err != nil && f.refuse(err) {
		return s.showOutlet(c, http.StatusUnprocessableEntity, &f)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/webhooks/"+outlet.String())
}

// pageOutletDone is for the buttons that take no input.
func (s *Service) pageOutletDone(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	back := "/webhooks/" + outlet.String()
	what := map[string]func(tx *db.Tx) error{
		"pause":  func(tx *db.Tx) error { return s.PauseOutlet(tx, outlet) },
		"resume": func(tx *db.Tx) error { return s.ResumeOutlet(tx, outlet) },
		"rotate": func(tx *db.Tx) error { _, err := s.RotateSecret(tx, outlet); return err },
		"test":   func(tx *db.Tx) error { _, err := s.TestOutlet(tx, outlet); return err },
		"replay": func(tx *db.Tx) error { _, err := s.ReplayFailed(tx, outlet); return err },
		"remove": func(tx *db.Tx) error { back = "/webhooks"; return s.RemoveOutlet(tx, outlet) },
	}[c.FormValue("do")]
	if what == nil {
		return fault.BadField("analytics.form", "do", "is no button of this page", "open it anew")
	}
	if err := s.db.InTx(c.Request().Context(), what); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, back)
}

func (s *Service) pageDeliveryReplayed(c echo.Context) error {
	outlet, err := outletID(c)
	if err != nil {
		return err
	}
	delivery, err := id.Parse(c.Param("delivery"))
	if err != nil {
		return fault.E("analytics.ReplayDelivery", fault.NotFound, "there is no such delivery", err)
	}
	if err := s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return s.ReplayDelivery(tx, outlet, delivery) }); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/webhooks/"+outlet.String()+"#deliveries")
}
