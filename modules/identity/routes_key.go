package identity

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// keyRoutes are the API of keys and scanners. Keys are made by people: a machine
// that could make keys could keep itself alive after its own was revoked.
//
// What tells a secret is not web.Idempotent, which would keep the secret readable
// in the database for a day. A repeated POST finds the name taken.
func (s *Service) keyRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/keys", Right: web.Admin, Handler: s.getKeys,
			Doc: web.Doc{Says: "Lists the keys of machines.", Gives: keyList{}}},
		{Method: "POST", Path: "/v1/keys", Right: web.Admin, Handler: s.postKey,
			Doc: web.Doc{Says: "Makes a key; its secret is told once.", Takes: KeyDraft{}, Gives: NewKey{}, Status: 201}},
		{Method: "POST", Path: "/v1/keys/:id/rotate", Right: web.Admin, Handler: s.postRotation,
			Doc: web.Doc{Says: "Makes a key's second secret; the first stays good for a while.", Takes: rotation{}, Gives: NewKey{}}},
		{Method: "DELETE", Path: "/v1/keys/:id", Right: web.Admin, Handler: s.deleteKey,
			Doc: web.Doc{Says: "Revokes a key."}},
		{Method: "GET", Path: "/v1/scanners", Right: web.Staff, Handler: s.getScanners,
			Doc: web.Doc{Says: "Lists door scanners.", Gives: keyList{}}},
		{Method: "POST", Path: "/v1/scanners/enrol", Right: web.Public, Handler: s.postEnrolment, Limit: 4 << 10,
			Doc: web.Doc{Says: "Enrols a door scanner: its one-time code becomes a key for one event.", Takes: enrolling{}, Gives: NewKey{}, Status: 201}},
		{Method: "DELETE", Path: "/v1/scanners/:id", Right: web.Staff, Handler: s.deleteScanner,
			Doc: web.Doc{Says: "Revokes a door scanner."}},
	}
}

// itemID reads the path's :id.
func itemID(c echo.Context) (id.ID, error) {
	x, err := id.Parse(c.Param("id"))
	if err != nil {
		return id.Nil, fault.E("identity.itemID", fault.NotFound, "there is nothing under this id", err)
	}
	return x, nil
}

// within runs fn in a transaction of the request.
func (s *Service) within(c echo.Context, fn func(tx *db.Tx) error) error {
	return s.db.InTx(c.Request().Context(), fn)
}

type keyList struct {
	Items []Key `json:"items"`
}

func (s *Service) getKeys(c echo.Context) error {
	list, err := s.Keys(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, keyList{list})
}

func (s *Service) postKey(c echo.Context) error {
	d, err := web.Bind[KeyDraft](c)
	if err != nil {
		return err
	}
	var k NewKey
	if err := s.within(c, func(tx *db.Tx) (err error) { k, err = s.CreateKey(tx, d); return err }); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, k)
}

type rotation struct {
	Overlap string `json:"overlap"` // how long the old secret goes on working, such as "168h"; "": KeyOverlap
}

func (s *Service) postRotation(c echo.Context) error {
	key, err := itemID(c)
	if err != nil {
		return err
	}
	r, err := web.Bind[rotation](c)
	if err != nil {
		return err
	}
	overlap := KeyOverlap
	if r.Overlap != "" {
		if overlap, err = time.ParseDuration(r.Overlap); err != nil {
			return fault.BadField("identity.RotateKey", "overlap", "is no duration", "such as 168h, or 0s to end the old secret at once")
		}
	}
	var k NewKey
	if err := s.within(c, func(tx *db.Tx) (err error) { k, err = s.RotateKey(tx, key, overlap); return err }); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, k)
}

func (s *Service) deleteKey(c echo.Context) error { return s.revoke(c, machineRights...) }

func (s *Service) deleteScanner(c echo.Context) error { return s.revoke(c, web.Scan) }

func (s *Service) revoke(c echo.Context, rights ...web.Right) error {
	key, err := itemID(c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.RevokeKey(tx, key, rights...) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getScanners(c echo.Context) error {
	list, err := s.Scanners(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, keyList{list})
}

// Routes are the API by which scanners are invited.
func (d *Doors) Routes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/scanners", Right: web.Staff, Handler: d.postScanner,
			Doc: web.Doc{Says: "Invites a door scanner by a one-time code.", Takes: ScannerDraft{}, Gives: Enrolment{}, Status: 201}},
	}
}

func (d *Doors) postScanner(c echo.Context) error {
	draft, err := web.Bind[ScannerDraft](c)
	if err != nil {
		return err
	}
	if draft.Event, err = d.eventOf(c.Request().Context(), draft.Event); err != nil {
		return err
	}
	var e Enrolment
	if err := d.s.within(c, func(tx *db.Tx) (err error) { e, err = d.s.StartEnrolment(tx, draft); return err }); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, e)
}

type enrolling struct {
	Code string `json:"code" validate:"required,max=200"`
}

func (s *Service) postEnrolment(c echo.Context) error {
	in, err := web.Bind[enrolling](c)
	if err != nil {
		return err
	}
	var k NewKey
	if err := s.within(c, func(tx *db.Tx) (err error) { k, err = s.EnrolScanner(tx, in.Code); return err }); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, k)
}
