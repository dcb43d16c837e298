package identity

import (
	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// peoplePages show the team; only owners change it.
func (s *Service) peoplePages() []web.Route {
	return []web.Route{
		page("GET", "/people", web.Admin, s.pagePeople),
		page("POST", "/people/invites", web.Owner, s.pageInviteMade),
		page("POST", "/people/invites/:id/revoke", web.Owner, s.pageInviteRevoked),
		page("POST", "/people/:id/role", web.Owner, s.pageRole),
	}
}

type personRow struct {
	Person
	Seen   moment
	Self   bool
	Others []Role // that an owner may choose instead
}

type inviteRow struct {
	ID      string
	Role    Role
	MadeBy  string
	Expires moment
}

type peoplePage struct {
	Viewer  viewer
	Team    []personRow
	Found   []personRow // of a search, customers too
	Search  string
	Invites []inviteRow
	Roles   []Role
	Link    string // of the invite just made: shown this once
	For     Role
	Wrong   *wrong
}

func rowsOfPeople(list []Person, viewer viewer) []personRow {
	rows := make([]personRow, len(list))
	for i, p := range list {
		rows[i] = personRow{Person: p, Seen: moment{p.SeenAt}, Self: p.ID == viewer.ID}
		for _, r := range roles {
			if r != p.Role {
				rows[i].Others = append(rows[i].Others, r)
			}
		}
	}
	return rows
}

func (s *Service) pagePeople(c echo.Context) error { return s.showPeople(c, peoplePage{}) }

// foundPeople bounds a search.
const foundPeople = 25

// showPeople fills in what p does not say yet.
func (s *Service) showPeople(c echo.Context, p peoplePage) error {
	ctx := c.Request().Context()
	p.Viewer, p.Roles, p.Search = viewerOf(c), invited, c.QueryParam("q")
	team, err := s.listTeam(ctx)
	if err != nil {
		return err
	}
	p.Team = rowsOfPeople(team, p.Viewer)
	if p.Search != "" {
		found, err := s.findPeople(ctx, p.Search, foundPeople)
		if err != nil {
			return err
		}
		p.Found = rowsOfPeople(found, p.Viewer)
	}
	if p.Viewer.Owner {
		list, err := s.openInvites(ctx)
		if err != nil {
			return err
		}
		for _, v := range list {
			p.Invites = append(p.Invites, inviteRow{v.ID.String(), v.Role, v.MadeBy, moment{v.ExpiresAt}})
		}
	}
	return c.Render(p.Wrong.status(), "identity/people", p)
}

// refusedPeople shows the page again with what was wrong.
func (s *Service) refusedPeople(c echo.Context, err error) error {
	w, err := wrongOf(err)
	if err != nil {
		return err
	}
	return s.showPeople(c, peoplePage{Wrong: w})
}

func (s *Service) pageInviteMade(c echo.Context) error {
	role := Role(c.FormValue("role"))
	site, err := s.origin(c)
	if err != nil {
		return s.refusedPeople(c, err)
	}
	var token string
	err = s.within(c, func(tx *db.Tx) (err error) { token, _, err = s.CreateInvite(tx, role, InviteAge); return err })
	if err != nil {
		return s.refusedPeople(c, err)
	}
	return s.showPeople(c, peoplePage{Link: InviteLink(site, token), For: role})
}

func (s *Service) pageInviteRevoked(c echo.Context) error {
	invite, err := itemID(c)
	if err != nil {
		return err
	}
	if err := s.within(c, func(tx *db.Tx) error { return s.RevokeInvite(tx, invite) }); err != nil {
		return err
	}
	return seeOther(c, "/people")
}

func (s *Service) pageRole(c echo.Context) error {
	err := s.within(c, func(tx *db.Tx) error { return s.SetRole(tx, c.Param("id"), Role(c.FormValue("role"))) })
	if err != nil {
		return s.refusedPeople(c, err)
	}
	return seeOther(c, "/people")
}
