package identity

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// peopleRoutes are the API of the team, invites and the audit. Who is what is
// changed by owners only.
func (s *Service) peopleRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/people", Right: web.Admin, Handler: s.getTeam,
			Doc: web.Doc{Says: "Lists the people and their roles.", Gives: personList{}}},
		{Method: "PUT", Path: "/v1/people/:id/role", Right: web.Owner, Handler: s.putRole,
			Doc: web.Doc{Says: "Changes a person's role.", Takes: roleChange{}}},
		{Method: "GET", Path: "/v1/invites", Right: web.Owner, Handler: s.getInvites,
			Doc: web.Doc{Says: "Lists open invites.", Gives: inviteList{}}},
		{Method: "POST", Path: "/v1/invites", Right: web.Owner, Handler: s.postInvite,
			Doc: web.Doc{Says: "Invites a person to a role.", Takes: inviteDraft{}, Gives: newInvite{}, Status: 201}},
		{Method: "DELETE", Path: "/v1/invites/:id", Right: web.Owner, Handler: s.deleteInvite,
			Doc: web.Doc{Says: "Withdraws an invite."}},
		{Method: "GET", Path: "/v1/audit", Right: web.Admin, Handler: s.getAudit, Timeout: 10 * time.Minute,
			Doc: web.Doc{Says: "Exports the audit log.", Gives: web.NDJSON, Query: []string{"actor: by this person or key", "action: of this kind", "object: about this"}}},
		{Method: "GET", Path: "/v1/audit/check", Right: web.Admin, Handler: s.getAuditCheck, Timeout: 10 * time.Minute,
			Doc: web.Doc{Says: "Walks the audit log's chain and tells whether it is unbroken.", Gives: AuditCheck{}}},
	}
}

// Routes are the API of a person's own data, and of anybody's for admins.
func (p *PersonalData) Routes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/me/export", Right: web.Self, Handler: p.getMine, Timeout: 10 * time.Minute,
			Doc: web.Doc{Says: "Exports what is kept of the person who asks.", Gives: web.NDJSON}},
		{Method: "POST", Path: "/v1/me/erase", Right: web.Self, Handler: p.postEraseMe,
			Doc: web.Doc{Says: "Erases what is kept of the person who asks.", Takes: erasing{}, Gives: map[string]string{}, Status: 202, Repeatable: true}},
		{Method: "GET", Path: "/v1/people/:id/export", Right: web.Admin, Handler: p.getTheirs, Timeout: 10 * time.Minute,
			Doc: web.Doc{Says: "Exports what is kept of a person.", Gives: web.NDJSON}},
		{Method: "POST", Path: "/v1/people/:id/erase", Right: web.Admin, Handler: p.postEraseThem,
			Doc: web.Doc{Says: "Erases what is kept of a person.", Takes: erasing{}, Gives: map[string]string{}, Status: 202, Repeatable: true}},
	}
}

type personList struct {
	Items []Person `json:"items"`
}

func (s *Service) getTeam(c echo.Context) error {
	team, err := s.listTeam(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, personList{team})
}

type roleChange struct {
	Role Role `json:"role" validate:"required"`
}

func (s *Service) putRole(c echo.Context) error {
	r, err := web.Bind[roleChange](c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.SetRole(tx, c.Param("id"), r.Role) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type inviteList struct {
	Items []Invite `json:"items"`
}

func (s *Service) getInvites(c echo.Context) error {
	list, err := s.openInvites(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, inviteList{list})
}

type inviteDraft struct {
	Role Role   `json:"role" validate:"required"`
	For  string `json:"for"` // how long it works, such as "48h"; "": InviteAge
}

type newInvite struct {
	Invite
	Link string `json:"link"` // told this once
}

func (s *Service) postInvite(c echo.Context) error {
	d, err := web.Bind[inviteDraft](c)
	if err != nil {
		return err
	}
	lasts := InviteAge
	if d.For != "" {
		if lasts, err = time.ParseDuration(d.For); err != nil {
			return fault.BadField("identity.Invite", "for", "is no duration", "such as 48h")
		}
	}
	site, err := s.origin(c)
	if err != nil {
		return err
	}
	made := newInvite{}
	err = s.within(c, func(tx *db.Tx) error {
		token, v, err := s.CreateInvite(tx, d.Role, lasts)
		made = newInvite{v, InviteLink(site, token)}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, made)
}

func (s *Service) deleteInvite(c echo.Context) error {
	invite, err := itemID(c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.RevokeInvite(tx, invite) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// ndjson makes the answer a file to keep, one JSON value a line.
func ndjson(c echo.Context, name string) *json.Encoder {
	h := c.Response().Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.ndjson"`)
	return json.NewEncoder(c.Response())
}

func auditFilter(c echo.Context) AuditFilter {
	return AuditFilter{Actor: c.QueryParam("actor"), Action: c.QueryParam("action"), Object: c.QueryParam("object")}
}

// getAudit answers the whole log, the newest entry first; actor, action and object narrow it.
func (s *Service) getAudit(c echo.Context) error {
	lines := ndjson(c, "audit")
	return s.exportAudit(c.Request().Context(), auditFilter(c), func(l AuditLine) error { return lines.Encode(l) })
}

func (s *Service) getAuditCheck(c echo.Context) error {
	found, err := s.VerifyAudit(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, found)
}

func me(c echo.Context) string { return web.CallerOf(c.Request().Context()).Person }

func (p *PersonalData) getMine(c echo.Context) error { return p.export(c, me(c)) }

func (p *PersonalData) getTheirs(c echo.Context) error { return p.export(c, c.Param("id")) }

// lazily writes the answer's head with its first byte, so that a fault found
// before that is answered as one.
type lazily struct {
	c       echo.Context
	started bool
}

func (l *lazily) Write(b []byte) (int, error) {
	if !l.started {
		ndjson(l.c, "usher-person")
		l.started = true
	}
	return l.c.Response().Write(b)
}

func (p *PersonalData) export(c echo.Context, person string) error {
	return p.Export(c.Request().Context(), person, &lazily{c: c})
}

func (p *PersonalData) postEraseMe(c echo.Context) error { return p.eraseBy(c, me(c)) }

func (p *PersonalData) postEraseThem(c echo.Context) error { return p.eraseBy(c, c.Param("id")) }

type erasing struct {
	Confirm string `json:"confirm"` // the person's id, so that nobody is erased by a slip
}

func (p *PersonalData) eraseBy(c echo.Context, person string) error {
	in, err := web.Bind[erasing](c)
	if err != nil {
		return err
	}
	if in.Confirm != person {
		return fault.BadField("identity.AskErasure", "confirm", "is not the person's id", person)
	}
	return web.Idempotent(c, p.s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) {
		return map[string]string{"person": person, "state": "asked"}, p.AskErasure(tx, person)
	})
}
