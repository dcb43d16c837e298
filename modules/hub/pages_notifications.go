package hub

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// notificationRow is a notification in a list.
type notificationRow struct {
	ID       string
	Subject  string
	App      string
	State    string
	Audience string // its tag expression, in words
	At       instant
	Total    web.Number
	Recorded web.Number
	Rate     string // delivered of total
	Done     string // recorded of total
}

// rows adds to each notification how far it is.
func (s *Service) rows(ctx context.Context, list []Notification) ([]notificationRow, error) {
	far, err := s.reachOf(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]notificationRow, len(list))
	for i, n := range list {
		r := far[n.no]
		out[i] = notificationRow{
			ID: n.ID.String(), Subject: subjectOf(n), App: n.App, State: n.State, Audience: audienceWords(n.Draft), At: instant{n.SendAt},
			Total: web.Number(r.Total), Recorded: web.Number(r.Recorded), Rate: percent(r.Delivered, r.Total), Done: percent(r.Recorded, r.Total),
		}
	}
	return out, nil
}

func audienceWords(d Draft) string {
	switch {
	case d.Personal == 1:
		return "one installation"
	case d.Personal > 1:
		return web.Number(d.Personal).String() + " installations, each its own"
	case len(d.Targets) > 0:
		return web.Number(len(d.Targets)).String() + " handles"
	case d.Tags == "":
		return "everyone"
	}
	return d.Tags
}

type notificationsPage struct {
	Rows      []notificationRow
	Next      string // cursor
	First     bool   // this is the first page
	Automatic bool   // those that Usher sends by itself, such as vouchers, are among them
}

func (s *Service) pageNotifications(c echo.Context) error {
	from, err := web.DecodeCursor[place](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	p := notificationsPage{First: from.No == 0, Automatic: c.QueryParam("automatic") != ""}
	list, next, err := s.notifications(c.Request().Context(), "", from, 25, p.Automatic)
	if err != nil {
		return err
	}
	if p.Rows, err = s.rows(c.Request().Context(), list); err != nil {
		return err
	}
	if next != nil {
		p.Next = web.EncodeCursor(next)
	}
	return c.Render(http.StatusOK, "hub/notifications", p)
}
