package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/web"
)

// recentCount is how many notifications the page Now tells of.
const recentCount = 6

// Glance is what the hub has to say on the page Now: what went out, whom it reaches, what
// refuses it, and the steps to a first notification. site is Usher's own address.
func (s *Service) Glance(ctx context.Context, site string) (g web.Glance, err error) {
	apps, err := s.Apps(ctx)
	if err != nil {
		return g, err
	}
	credentials, err := s.AllCredentials(ctx)
	if err != nil {
		return g, err
	}
	recent, _, err := s.notifications(ctx, "", place{}, recentCount, false)
	if err != nil {
		return g, err
	}
	active, known, err := s.reachable(ctx)
	if err != nil {
		return g, err
	}
	out, err := s.outSince(ctx, s.db.Now().Add(-24*time.Hour))
	if err != nil {
		return g, err
	}
	g.Figures = []web.Figure{
		{Name: web.T("Messages out"), Value: web.T("%v", web.Number(out.Delivered)), Note: web.T("delivered within 24 hours, %s of what was tried", web.Told(percent(out.Delivered, out.Recorded))), Link: "/notifications"},
		{Name: web.T("Installations"), Value: web.T("%v", web.Number(active)), Note: web.T("phones and browsers that can be reached"), Link: "/reach"},
	}
	for _, n := range recent {
		g.News = append(g.News, web.News{At: n.CreatedAt, What: web.T("Notification to %s: %s", web.Told(audienceWords(n.Draft)), subjectOf(n)), Link: "/notifications/" + n.ID.String()})
	}
	g.Alerts = alertsOf(credentials)
	g.Steps = checklist(site, apps, credentials, known, len(recent) > 0)
	return g, nil
}

// alertsOf lists the credentials that a push service refused, and what to do.
func alertsOf(credentials []Credential) []web.Alert {
	var out []web.Alert
	for _, c := range credentials {
		if c.PausedAt == nil {
			continue
		}
		out = append(out, web.Alert{
			What:   web.T("%s refuses the credential of app %s: %s. Nothing goes out there, and what waits is kept until it expires.", serviceName(c.Service), c.App, c.PausedReason),
			Do:     web.T("Store a valid one with PUT /v1/apps/%s/credentials/%s; sending then resumes by itself. If the credential is right and the service was wrong, resume it here.", c.App, c.Service),
			Post:   fmt.Sprintf("/apps/%s/credentials/%s/resume", c.App, c.Service),
			Button: web.T("Resume sending"),
		})
	}
	return out
}
