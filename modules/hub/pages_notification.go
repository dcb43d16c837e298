package hub

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// notificationPage is all that is told of one notification.
type notificationPage struct {
	progress
	Audience  string
	Sent      instant
	Expires   instant
	By        string
	Critical  bool
	LocalTime string
	Previews  gallery
	History   history
	Looked    string // installation whose trace was asked for
	Trace     *Trace
	Missing   string // why there is no trace
}

// progress is the part of the page that moves while a notification goes out.
type progress struct {
	ID          string
	Subject     string
	App         string
	State       string
	Finished    bool
	Cancellable bool
	Started     instant
	Ended       instant
	Total       web.Number
	Recorded    web.Number
	Share       string
	Delivered   web.Number
	Rate        string // delivered of what has an outcome
	Waiting     web.Number
	Retried     web.Number
	Requests    web.Number
	Opened      web.Number
	Clicked     web.Number
	Took        string
	Pace        string // recorded a second
	Holding     []string
	Services    barTable
	Locales     barTable
	Hints       []string
}

func progressOf(r Report) progress {
	n := r.Notification
	p := progress{
		ID: n.ID.String(), Subject: subjectOf(n), App: n.App, State: n.State, Finished: r.Finished(),
		Cancellable: n.State == stateScheduled || n.State == stateSending, Started: at(n.StartedAt), Ended: at(n.FinishedAt),
		Total: web.Number(r.Total), Recorded: web.Number(r.Recorded), Share: percent(r.Recorded, r.Total),
		Delivered: web.Number(r.Outcomes[stateDelivered]), Rate: percent(r.Outcomes[stateDelivered], r.Recorded),
		Waiting: web.Number(r.Waiting), Retried: web.Number(r.Retried), Requests: web.Number(r.Requests), Opened: web.Number(r.Opened), Clicked: web.Number(r.Clicked),
		Took: lasting(r.Seconds), Pace: web.Number(r.Rate).String(), Services: servicesTable(r), Locales: localesTable(r), Hints: hints(r),
	}
	for _, b := range r.Services {
		if why := r.Holding[push.Service(b.Name)]; why != "" && !p.Finished {
			p.Holding = append(p.Holding, serviceName(push.Service(b.Name))+" waits: "+why)
		}
	}
	return p
}

func (s *Service) pageNotification(c echo.Context) error {
	id, err := notificationID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	r, err := s.Report(ctx, id)
	if err != nil {
		return err
	}
	n := r.Notification
	p := notificationPage{
		progress: progressOf(r), Audience: audienceWords(n.Draft), Sent: instant{n.SendAt}, Expires: instant{n.ExpiresAt}, By: n.CreatedBy,
		Critical: n.Draft.Critical, LocalTime: n.Draft.LocalTime, Looked: c.QueryParam("installation"),
	}
	samples, err := s.Preview(ctx, n)
	if err != nil {
		return err
	}
	p.Previews = galleryOf(samples)
	if p.History, err = s.history(ctx, r); err != nil {
		return err
	}
	if p.Looked != "" {
		if p.Trace, p.Missing, err = s.look(ctx, r, p.Looked); err != nil {
			return err
		}
	}
	return c.Render(http.StatusOK, "hub/notification", p)
}

// look traces a notification to an installation, or says why it cannot.
func (s *Service) look(ctx context.Context, r Report, installation string) (*Trace, string, error) {
	t, err := s.Trace(ctx, r.Notification.ID, installation)
	if fault.Is(err, fault.NotFound) {
		return nil, "App " + r.Notification.App + " has no installation with this id. Copy the id from the list of installations; capital letters count.", nil
	}
	if err != nil {
		return nil, "", err
	}
	return &t, "", nil
}

// moved is an event of pageEvents: the fragment anew, and the figures for the chart.
type moved struct {
	HTML     string  `json:"html"`
	Recorded int64   `json:"recorded"`
	Total    int64   `json:"total"`
	Seconds  float64 `json:"seconds"`
	Finished bool    `json:"finished"`
	Say      string  `json:"say"` // for those who do not see the bar
}

// pageEvents redraws the moving part of a notification's page until it has finished.
func (s *Service) pageEvents(c echo.Context) error {
	id, err := notificationID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if _, err := s.Notification(ctx, id); err != nil {
		return err
	}
	return web.Stream(c, func(send func(string, any) error) error {
		look := time.NewTicker(reportEvery)
		defer look.Stop()
		for {
			r, err := s.Report(c.Request().Context(), id)
			if err != nil {
				return err
			}
			var html bytes.Buffer
			p := progressOf(r)
			if err := c.Echo().Renderer.Render(&html, "hub/notification#progress", p, c); err != nil {
				return err
			}
			m := moved{HTML: html.String(), Recorded: r.Recorded, Total: r.Total, Seconds: r.Seconds, Finished: p.Finished, Say: p.Share + " have an outcome"}
			if err := send("progress", m); err != nil || p.Finished {
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

// pageCancel cancels and shows the notification again; one that has been sent
// meanwhile is shown as it is.
func (s *Service) pageCancel(c echo.Context) error {
	id, err := notificationID(c)
	if err != nil {
		return err
	}
	if _, err := s.Cancel(c.Request().Context(), id); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/notifications/"+id.String())
}

func (s *Service) pageDeliveries(c echo.Context) error {
	id, err := notificationID(c)
	if err != nil {
		return err
	}
	n, err := s.Notification(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return s.writeDeliveries(c, n)
}
