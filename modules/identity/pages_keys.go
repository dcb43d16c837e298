package identity

import (
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) keyPages() []web.Route {
	return []web.Route{
		page("GET", "/keys", web.Admin, s.pageKeys),
		page("POST", "/keys", web.Admin, s.pageKeyMade),
		page("POST", "/keys/:id/rotate", web.Admin, s.pageKeyRotated),
		page("POST", "/keys/:id/revoke", web.Admin, s.pageKeyRevoked),
	}
}

type secretRow struct {
	Hint string
	Made moment
	Ends moment
}

type keyRow struct {
	ID      string
	Name    string
	Right   web.Right
	App     string
	Event   string
	Made    moment
	Ends    moment
	Used    moment
	Over    bool // it has ended
	Secrets []secretRow
}

func rowsOfKeys(list []Key, now time.Time) []keyRow {
	rows := make([]keyRow, len(list))
	for i, k := range list {
		rows[i] = keyRow{ID: k.ID.String(), Name: k.Name, Right: k.Right, App: k.App, Event: k.Event, Made: moment{k.CreatedAt}, Ends: momentOf(k.ExpiresAt),
			Used: momentOf(k.UsedAt), Over: k.ExpiresAt != nil && !k.ExpiresAt.After(now)}
		for _, x := range k.Secrets {
			rows[i].Secrets = append(rows[i].Secrets, secretRow{x.Hint, moment{x.CreatedAt}, momentOf(x.ExpiresAt)})
		}
	}
	return rows
}

// keyForm is what somebody wrote, to show it again when it was wrong.
type keyForm struct {
	Name, App, Event, Days string
	Right                  web.Right
}

type keysPage struct {
	Viewer viewer
	Keys   []keyRow
	Rights []web.Right
	Form   keyForm
	Secret string // shown this once
	Of     string // name of its key
	Wrong  *wrong
}

func (s *Service) pageKeys(c echo.Context) error {
	return s.showKeys(c, keysPage{Form: keyForm{Right: web.Listen}})
}

func (s *Service) showKeys(c echo.Context, p keysPage) error {
	list, err := s.Keys(c.Request().Context())
	if err != nil {
		return err
	}
	p.Viewer, p.Rights, p.Keys = viewerOf(c), machineRights, rowsOfKeys(list, s.db.Now())
	return c.Render(p.Wrong.status(), "identity/keys", p)
}

func (f keyForm) draft(now time.Time) (KeyDraft, error) {
	d := KeyDraft{Name: f.Name, Right: f.Right, App: f.App, Event: f.Event}
	if f.Days == "" {
		return d, nil
	}
	days, err := strconv.Atoi(f.Days)
	if err != nil || days < 1 || days > 3650 {
		return d, fault.BadField("identity.CreateKey", "days", "must be a whole number from 1 to 3650", "leave it empty for a key without end")
	}
	ends := now.AddDate(0, 0, days)
	d.ExpiresAt = &ends
	return d, nil
}

func (s *Service) pageKeyMade(c echo.Context) error {
	p := keysPage{Form: keyForm{Name: c.FormValue("name"), App: c.FormValue("app"), Event: c.FormValue("event"), Days: c.FormValue("days"), Right: web.Right(c.FormValue("right"))}}
	d, err := p.Form.draft(s.db.Now())
	var k NewKey
	if err == nil {
		err = s.within(c, func(tx *db.Tx) (err error) { k, err = s.CreateKey(tx, d); return err })
	}
	if err != nil {
		if p.Wrong, err = wrongOf(err); err != nil {
			return err
		}
		return s.showKeys(c, p)
	}
	return s.showKeys(c, keysPage{Form: keyForm{Right: web.Listen}, Secret: k.Secret, Of: k.Name})
}

func (s *Service) pageKeyRotated(c echo.Context) error {
	key, err := itemID(c)
	if err != nil {
		return err
	}
	var k NewKey
	if err := s.within(c, func(tx *db.Tx) (err error) { k, err = s.RotateKey(tx, key, KeyOverlap); return err }); err != nil {
		return err
	}
	return s.showKeys(c, keysPage{Form: keyForm{Right: web.Listen}, Secret: k.Secret, Of: k.Name})
}

func (s *Service) pageKeyRevoked(c echo.Context) error {
	key, err := itemID(c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.RevokeKey(tx, key, machineRights...) }); err != nil {
		return err
	}
	return seeOther(c, "/keys")
}
