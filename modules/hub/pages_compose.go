package hub

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// composePage is the form, what is wrong with it, and what it would do.
type composePage struct {
	Form      composeForm
	Apps      []appChoice
	Wrong     map[string][]fault.Field // by input name
	Elsewhere []fault.Field            // what no input of the form answers for
	Audience  audienceView
	Dry       *dryView
}

// appChoice is an app with the names of its templates.
type appChoice struct {
	ID, Name  string
	Templates []string
}

// dryView is a dry run on the page.
type dryView struct {
	Previews gallery
	Warnings []string
	Blocked  bool // a message is too large: sending would fail
}

// audienceView is the live count under the tag expression.
type audienceView struct {
	Total    web.Number
	Services []part
	Problem  string
	Fix      string
}

func (s *Service) pageCompose(c echo.Context) error {
	form := newComposeForm()
	form.App, form.Tags = c.QueryParam("app"), c.QueryParam("tags")
	return s.showForm(c, http.StatusOK, composePage{Form: form})
}

// pageComposed answers the form's buttons: a language more or less, preview, send.
func (s *Service) pageComposed(c echo.Context) error {
	values, err := c.FormParams()
	if err != nil {
		return fault.E("hub.compose", fault.Invalid, "the form cannot be read", err).WithFix("open it anew")
	}
	p := composePage{Form: readComposeForm(values)}
	if p.Form.edit(values.Get("do")) {
		return s.showForm(c, http.StatusOK, p)
	}
	draft, wrong := p.Form.draft()
	if len(wrong) > 0 {
		return s.refuseForm(c, p, fault.BadFields("hub.compose", wrong))
	}
	if values.Get("do") == "send" {
		return s.sendForm(c, p, draft)
	}
	dry, err := s.DryRun(c.Request().Context(), draft)
	if err != nil {
		return s.refuseForm(c, p, err)
	}
	p.Dry = &dryView{Previews: galleryOf(dry.Samples), Warnings: dry.Warnings}
	for _, sample := range dry.Samples {
		p.Dry.Blocked = p.Dry.Blocked || sample.Bytes > sample.Limit
	}
	return s.showForm(c, http.StatusOK, p)
}

// sendForm sends under the id the form was made with: pressing twice, or going
// back and pressing again, leads to the one notification.
func (s *Service) sendForm(c echo.Context, p composePage, d Draft) error {
	ctx := c.Request().Context()
	there := "/notifications/" + p.Form.ID.String()
	ready, err := s.Prepare(ctx, d)
	if err != nil {
		return s.refuseForm(c, p, err)
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := s.sendAs(tx, p.Form.ID, ready, web.Actor(ctx))
		return err
	})
	if err == nil {
		return c.Redirect(http.StatusSeeOther, there)
	}
	if _, missing := s.Notification(ctx, p.Form.ID); missing == nil {
		return c.Redirect(http.StatusSeeOther, there)
	}
	return s.refuseForm(c, p, err)
}

// refuseForm shows the form again with each fault beside its input. An error
// that is not about the input becomes an error page.
func (s *Service) refuseForm(c echo.Context, p composePage, err error) error {
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.TooLarge) {
		return err
	}
	p.Wrong, p.Elsewhere = p.Form.place(fieldsOf(err, ""))
	return s.showForm(c, http.StatusUnprocessableEntity, p)
}

func (s *Service) showForm(c echo.Context, status int, p composePage) error {
	ctx := c.Request().Context()
	apps, err := s.Apps(ctx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		sets, err := s.Templates(ctx, a.ID)
		if err != nil {
			return err
		}
		choice := appChoice{ID: a.ID, Name: a.Name}
		for _, t := range sets {
			choice.Templates = append(choice.Templates, t.Name)
		}
		p.Apps = append(p.Apps, choice)
	}
	if p.Form.App == "" && len(apps) > 0 {
		p.Form.App = apps[0].ID
	}
	if len(apps) > 0 {
		if p.Audience, err = s.audienceOf(ctx, p.Form.App, p.Form.Tags); err != nil {
			return err
		}
	}
	return c.Render(status, "hub/compose", p)
}

// pageAudience is the fragment that counts while the promoter types.
func (s *Service) pageAudience(c echo.Context) error {
	v, err := s.audienceOf(c.Request().Context(), c.QueryParam("app"), c.QueryParam("tags"))
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "hub/compose#audience", v)
}

// audienceOf counts whom a tag expression reaches; a wrong expression is told in
// the view.
func (s *Service) audienceOf(ctx context.Context, app, tags string) (audienceView, error) {
	by, err := s.Audience(ctx, app, tags)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
		f := fieldsOf(err, "tags")[0]
		return audienceView{Problem: f.Problem, Fix: f.Fix}, nil
	}
	if err != nil {
		return audienceView{}, err
	}
	var v audienceView
	for _, n := range by {
		v.Total += web.Number(n)
	}
	for _, service := range push.Services {
		if n := by[service]; n > 0 {
			v.Services = append(v.Services, newPart(serviceText(string(service)), n, int64(v.Total)))
		}
	}
	return v, nil
}
