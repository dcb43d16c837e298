package hub

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) notificationRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/notifications", Right: web.Send, Handler: s.postNotification,
			Doc: web.Doc{Says: "Sends a notification to a tag expression, now or later.", Takes: Draft{}, Gives: Notification{}, Status: 201, Repeatable: true}},
		{Method: "POST", Path: "/v1/notifications/dry-run", Right: web.Send, Handler: s.postDryRun,
			Doc: web.Doc{Says: "Counts a notification's audience and renders samples; nothing is sent.", Takes: Draft{}, Gives: DryRun{}}},
		{Method: "POST", Path: "/v1/notifications/test", Right: web.Send, Handler: s.postTest,
			Doc: web.Doc{Says: "Sends a notification to named installations at once, and tells what the push services said.", Takes: Draft{}, Gives: Trial{}}},
		{Method: "GET", Path: "/v1/notifications", Right: web.Send, Handler: s.getNotifications,
			Doc: web.Doc{Says: "Lists notifications, the newest first.", Gives: web.Page[Notification]{}, Query: []string{"app", "cursor", "limit"}}},
		{Method: "GET", Path: "/v1/notifications/:id", Right: web.Send, Handler: s.getReport,
			Doc: web.Doc{Says: "Tells a notification and its outcomes so far.", Gives: Report{}}},
		{Method: "GET", Path: "/v1/notifications/:id/events", Right: web.Send, Handler: s.getReportEvents, Timeout: -1,
			Doc: web.Doc{Says: "Follows a notification's outcomes until it is finished.", Gives: web.Live}},
		{Method: "GET", Path: "/v1/notifications/:id/deliveries", Right: web.Send, Handler: s.getDeliveries, Timeout: 10 * time.Minute,
			Doc: web.Doc{Says: "Lists a notification's deliveries with their outcomes.", Gives: web.Page[Delivery]{}, Query: []string{"format: json or csv", "cursor", "limit"}}},
		{Method: "GET", Path: "/v1/notifications/:id/trace/:installation", Right: web.Send, Handler: s.getTrace,
			Doc: web.Doc{Says: "Tells why one installation did or did not get a notification.", Gives: Trace{}}},
		{Method: "POST", Path: "/v1/notifications/:id/cancel", Right: web.Send, Handler: s.postCancel,
			Doc: web.Doc{Says: "Cancels what of a notification has not been sent.", Gives: Notification{}}},
		{Method: "GET", Path: "/v1/audience", Right: web.Send, Handler: s.getAudience,
			Doc: web.Doc{Says: "Counts whom a tag expression reaches.", Gives: DryRun{}, Query: []string{"app", "tags: a tag expression"}}},
		{Method: "GET", Path: "/v1/lanes", Right: web.Send, Handler: s.getLanes,
			Doc: web.Doc{Says: "Tells how each push service is doing: breaker, pace and queue.", Gives: []LaneState{}}},
		{Method: "POST", Path: "/v1/interactions", Right: web.Listen, Handler: s.postInteraction,
			Doc: web.Doc{Says: "Reports that a delivery was opened or clicked.", Takes: interaction{}}},
	}
}

func (s *Service) postNotification(c echo.Context) error {
	d, err := web.Bind[Draft](c)
	if err != nil {
		return err
	}
	by := web.Actor(c.Request().Context())
	return web.IdempotentAfter(c, s.db, http.StatusCreated,
		func(ctx context.Context) (Prepared, error) { return s.Prepare(ctx, d) },
		func(tx *db.Tx, p Prepared) (any, error) { return s.Send(tx, p, by) })
}

func (s *Service) postDryRun(c echo.Context) error {
	d, err := web.Bind[Draft](c)
	if err != nil {
		return err
	}
	out, err := s.DryRun(c.Request().Context(), d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Service) postTest(c echo.Context) error {
	d, err := web.Bind[Draft](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	out, err := s.Try(ctx, d, web.Actor(ctx))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Service) getNotifications(c echo.Context) error {
	from, err := web.DecodeCursor[place](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	limit, err := web.Limit(c, 50, 500)
	if err != nil {
		return err
	}
	list, next, err := s.Notifications(c.Request().Context(), c.QueryParam("app"), from, limit)
	if err != nil {
		return err
	}
	page := web.Page[Notification]{Items: list}
	if next != nil {
		page.Next = web.EncodeCursor(next)
	}
	return c.JSON(http.StatusOK, page)
}

// notificationID reads the path's :id.
func notificationID(c echo.Context) (id.ID, error) {
	n, err := id.Parse(c.Param("id"))
	if err != nil {
		return n, fault.BadField("hub.notificationID", "id", "is no notification id", "the id that POST /v1/notifications answered")
	}
	return n, nil
}

func (s *Service) getReport(c echo.Context) error {
	n, err := notificationID(c)
	if err != nil {
		return err
	}
	r, err := s.Report(c.Request().Context(), n)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

// reportEvery is how often a report is told to those who watch it.
const reportEvery = 500 * time.Millisecond

func (s *Service) getReportEvents(c echo.Context) error {
	n, err := notificationID(c)
	if err != nil {
		return err
	}
	if _, err := s.Notification(c.Request().Context(), n); err != nil {
		return err
	}
	return web.Stream(c, func(send func(string, any) error) error {
		look := time.NewTicker(reportEvery)
		defer look.Stop()
		for {
			r, err := s.Report(c.Request().Context(), n)
			if err != nil {
				return err
			}
			if err := send("report", r); err != nil || r.Finished() {
				return err
			}
			select {
			case <-look.C:
			case <-c.Request().Context().Done():
				return nil
			}
		}
	})
}

func (s *Service) getTrace(c echo.Context) error {
	n, err := notificationID(c)
	if err != nil {
		return err
	}
	t, err := s.Trace(c.Request().Context(), n, c.Param("installation"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

func (s *Service) postCancel(c echo.Context) error {
	n, err := notificationID(c)
	if err != nil {
		return err
	}
	out, err := s.Cancel(c.Request().Context(), n)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Service) getAudience(c echo.Context) error {
	by, err := s.Audience(c.Request().Context(), c.QueryParam("app"), c.QueryParam("tags"))
	if err != nil {
		return err
	}
	var total int64
	for _, n := range by {
		total += n
	}
	return c.JSON(http.StatusOK, DryRun{Audience: total, ByService: by, Samples: []Sample{}})
}

func (s *Service) getLanes(c echo.Context) error { return c.JSON(http.StatusOK, s.Lanes()) }

// interaction is what an app reports of a delivery it showed.
type interaction struct {
	Delivery string `json:"delivery" validate:"required"`
	What     string `json:"what" validate:"required,oneof=open click"`
}

func (s *Service) postInteraction(c echo.Context) error {
	i, err := web.Bind[interaction](c)
	if err != nil {
		return err
	}
	if err := s.interact(c.Request().Context(), i.Delivery, i.What); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
