package identity

import (
	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) scannerPages() []web.Route {
	return []web.Route{
		page("GET", "/scanners", web.Staff, s.pageScanners),
		page("POST", "/scanners", web.Staff, s.pageScannerInvited),
		page("POST", "/scanners/:id/revoke", web.Staff, s.pageScannerRevoked),
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
	Form     ScannerDraft
	Code     *Enrolment // shown this once
	Ends     moment
	Picture  picture
	Wrong    *wrong
}

func (s *Service) pageScanners(c echo.Context) error { return s.showScanners(c, scannersPage{}) }

func (s *Service) showScanners(c echo.Context, p scannersPage) error {
	list, err := s.Scanners(c.Request().Context())
	if err != nil {
		return err
	}
	p.Viewer, p.Scanners = viewerOf(c), rowsOfKeys(list, s.db.Now())
	return c.Render(p.Wrong.status(), "identity/scanners", p)
}

// enrolmentLink is what the QR code says: where this Usher is, and the code behind
// a #, which no log sees.
func enrolmentLink(site, code string) string { return site + "/scan#" + code }

func (s *Service) pageScannerInvited(c echo.Context) error {
	p := scannersPage{Form: ScannerDraft{Name: c.FormValue("name"), Event: c.FormValue("event")}}
	site, err := s.origin(c)
	var e Enrolment
	if err == nil {
		err = s.within(c, func(tx *db.Tx) (err error) { e, err = s.StartEnrolment(tx, p.Form); return err })
	}
	if err != nil {
		if p.Wrong, err = wrongOf(err); err != nil {
			return err
		}
		return s.showScanners(c, p)
	}
	p.Code, p.Ends = &e, moment{e.ExpiresAt}
	if p.Picture.Side, p.Picture.Path, err = qrPicture(enrolmentLink(site, e.Code)); err != nil {
		return err
	}
	p.Form.Name = "" // the next door of the same event
	return s.showScanners(c, p)
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
