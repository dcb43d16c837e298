package identity

import (
	"cmp"
	"context"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages are the dashboard's page of scanners.
func (d *Doors) Pages() []web.Route {
	return []web.Route{
		page("GET", "/scanners", web.Staff, d.pageScanners),
		page("POST", "/scanners", web.Staff, d.pageScannerInvited),
		page("POST", "/scanners/:id/revoke", web.Staff, d.s.pageScannerRevoked),
	}
}

// picture is a QR code as an SVG path over a square of Side modules.
type picture struct {
	Side int
	Path string
}

type scannersPage struct {
	Viewer   viewer
	Scanners []keyRow
	Events   []doorEvent // to choose from; none: it is typed
	Form     ScannerDraft
	Code     *Enrolment // shown this once
	For      string     // name of its event
	Ends     moment
	Picture  picture
	Wrong    *wrong
}

func (d *Doors) pageScanners(c echo.Context) error { return d.showScanners(c, scannersPage{}) }

func (d *Doors) showScanners(c echo.Context, p scannersPage) error {
	ctx := c.Request().Context()
	list, err := d.s.Scanners(ctx)
	if err != nil {
		return err
	}
	if p.Events, err = d.events(ctx); err != nil {
		return err
	}
	p.Viewer, p.Scanners = viewerOf(c), rowsOfKeys(list, d.s.db.Now())
	for i := range p.Scanners {
		p.Scanners[i].Event = d.called(ctx, p.Events, p.Scanners[i].Event)
	}
	if p.Code != nil {
		p.For = d.called(ctx, p.Events, p.Code.Event)
	}
	return c.Render(p.Wrong.status(), "identity/scanners", p)
}

// called is what people call the event of a scanner.
func (d *Doors) called(ctx context.Context, events []doorEvent, event string) string {
	for _, e := range events {
		if e.ID == event || e.Slug == event {
			return e.Title
		}
	}
	return cmp.Or(d.nameOf(ctx, event), event)
}

// enrolmentLink is what the QR code says: where this Usher is, and the code behind
// a #, which no log sees.
func enrolmentLink(site, code string) string { return site + "/scan#" + code }

func (d *Doors) pageScannerInvited(c echo.Context) error {
	s := d.s
	p := scannersPage{Form: ScannerDraft{Name: c.FormValue("name"), Event: c.FormValue("event")}}
	site, err := s.origin(c)
	draft := p.Form
	if err == nil {
		draft.Event, err = d.eventOf(c.Request().Context(), draft.Event)
	}
	var e Enrolment
	if err == nil {
		err = s.within(c, func(tx *db.Tx) (err error) { e, err = s.StartEnrolment(tx, draft); return err })
	}
	if err != nil {
		if p.Wrong, err = wrongOf(err); err != nil {
			return err
		}
		return d.showScanners(c, p)
	}
	p.Code, p.Ends = &e, moment{e.ExpiresAt}
	if p.Picture.Side, p.Picture.Path, err = qrPicture(enrolmentLink(site, e.Code)); err != nil {
		return err
	}
	p.Form.Name = "" // the next door of the same event
	return d.showScanners(c, p)
}

func (s *Service) pageScannerRevoked(c echo.Context) error {
	key, err := itemID(c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.RevokeKey(tx, key, web.Scan) }); err != nil {
		return err
	}
	return seeOther(c, "/scanners")
}
