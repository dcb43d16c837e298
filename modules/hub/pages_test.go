package hub

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// newSite serves a hub's pages as the house does.
func newSite(t *testing.T, s *Service) *echo.Echo {
	t.Helper()
	return webtest.NewSite(t, webtest.Everyone{}, s.Pages(), nil)
}

// The tests of pages ask and look so often that this is short here.
var visit, shows = webtest.Visit, webtest.Shows

func TestFirstRunLeadsToTheFirstNotification(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	steps := func() (done int) {
		g, err := r.Glance(t.Context(), "https://push.example.org")
		r.must(err)
		for _, s := range g.Steps {
			if s.Done {
				done++
			}
		}
		return done
	}
	if n := steps(); n != 2 {
		t.Errorf("%d steps are done, want the app and its credentials", n)
	}
	shows(t, visit(e, "/reach", nil), 200, "Nobody yet")
	shows(t, visit(e, "/notifications", nil), 200, "Nothing has been sent yet")
	r.phone(push.FCM, 1, "", speaks("de"), tagged("fan"))
	r.send(hello)
	r.work()
	shows(t, visit(e, "/reach", nil), 200, "Active installations", "Android (FCM)", "German")
	if n := steps(); n != 4 {
		t.Errorf("%d steps are done after the first notification", n)
	}
	g, err := r.Glance(t.Context(), "")
	r.must(err)
	if g.Figures[0].Value.String() != "1" || g.News[0].What.String() != "Notification to everyone: Doors open" {
		t.Errorf("%+v", g)
	}
}

func TestPausedCredentialAlertsAndResumes(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.must(r.pauseCredential(t.Context(), "festival", push.APNs, "InvalidProviderToken"))
	g, err := r.Glance(t.Context(), "")
	r.must(err)
	if len(g.Alerts) != 1 || !strings.Contains(g.Alerts[0].What.String(), "InvalidProviderToken") || g.Alerts[0].Post != "/apps/festival/credentials/apns/resume" {
		t.Errorf("%+v", g.Alerts)
	}
	rec := visit(e, "/apps/festival/credentials/apns/resume", url.Values{})
	shows(t, rec, 303)
	if c, err := r.Credential(t.Context(), "festival", push.APNs); err != nil || c.PausedAt != nil {
		t.Errorf("still paused: %+v %v", c, err)
	}
}

func TestUnknownPagesAre404Pages(t *testing.T) {
	e := newSite(t, newRig(t).Service)
	for _, target := range []string{"/notifications/" + id.New().String(), "/notifications/" + id.New().String() + "/events",
		"/installations/festival/nobody", "/installations/nowhere/nobody", "/nothing"} {
		rec := visit(e, target, nil)
		shows(t, rec, 404, "<h1>Not Found</h1>", "Request id")
	}
	shows(t, visit(e, "/notifications/7", nil), 400, "is no notification id")
	shows(t, visit(e, "/notifications?cursor=!", nil), 400, "is not one of ours")
}

func TestNotificationPageTellsAndTraces(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "", tagged("fan"))
	gone := r.phone(push.FCM, 2, "unregistered-", tagged("fan"), speaks("de"))
	n := r.send(hello)
	there := "/notifications/" + n.ID.String()
	shows(t, visit(e, there, nil), 200, `data-live="`+there+`/events"`, "Cancel the rest")
	r.work()
	rec := visit(e, there+"?installation="+gone.ID, nil)
	shows(t, rec, 200, "<strong>2</strong> of 2", "Gone", "Outcome for <code>fcm-2</code>: <strong>gone</strong>", "UNREGISTERED")
	if strings.Contains(rec.Body.String(), "data-live") || strings.Contains(rec.Body.String(), "Cancel the rest") {
		t.Error("a finished notification moves on, or can be cancelled")
	}
	shows(t, visit(e, there+"?installation=nobody", nil), 200, "has no installation with this id")
	csv := visit(e, there+"/deliveries.csv", nil)
	shows(t, csv, 200, "fcm-2", "gone")
	if got := csv.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Errorf("Content-Type %q", got)
	}
}

func TestCancelFromThePage(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "")
	n := r.send(hello)
	there := "/notifications/" + n.ID.String()
	for range 2 {
		if rec := visit(e, there+"/cancel", url.Values{}); rec.Code != 303 || rec.Header().Get("Location") != there {
			t.Fatalf("%d to %q", rec.Code, rec.Header().Get("Location"))
		}
	}
	shows(t, visit(e, there, nil), 200, "s-cancelled", "Not sent")
	foreign := httptest.NewRequest(http.MethodPost, there+"/cancel", nil)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	if e.ServeHTTP(rec, foreign); rec.Code != 403 {
		t.Errorf("another site may cancel: %d", rec.Code)
	}
}

func TestEventsEndWithTheNotification(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "")
	n := r.send(hello)
	r.work()
	rec := visit(e, "/notifications/"+n.ID.String()+"/events", nil)
	shows(t, rec, 200, "event: progress\ndata: {", `"finished":true`, `"recorded":1`, "have an outcome")
	if strings.Contains(rec.Body.String(), "doctype") {
		t.Error("an event holds the whole page")
	}
}

func TestInstallationsAreFound(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	for i := range 60 {
		r.phone(push.APNs, i, "", tagged("fan"))
	}
	vip := r.phone(push.FCM, 99, "", tagged("vip"), speaks("de"))
	n := r.send(Draft{Template: "alert", Tags: "fan", Properties: map[string]any{"title": "Encore"}})
	r.work()
	first := visit(e, "/installations?tags=fan", nil)
	shows(t, first, 200, "60 installations found", "apns-0")
	next := regexp.MustCompile(`/installations\?[^"]*cursor=[^"]+`).FindString(first.Body.String())
	second := visit(e, strings.ReplaceAll(next, "&amp;", "&"), nil)
	shows(t, second, 200, "apns-59")
	if strings.Contains(second.Body.String(), ">apns-0<") {
		t.Error("the second page begins anew")
	}
	shows(t, visit(e, "/installations?tags=%26%26", nil), 422, `class="wrong"`)
	shows(t, visit(e, "/installations?id=nobody", nil), 422, "has no installation")
	if rec := visit(e, "/installations?id="+vip.ID, nil); rec.Header().Get("Location") != "/installations/festival/"+vip.ID {
		t.Errorf("to %q", rec.Header().Get("Location"))
	}
	page := visit(e, "/installations/festival/"+vip.ID, nil)
	shows(t, page, 200, "German", "<code>vip</code>", "Encore", "not in the audience", fmt.Sprintf("/notifications/%s?installation=%s#trace", n.ID, vip.ID))
	if strings.Contains(page.Body.String(), vip.Handle) {
		t.Error("the page shows the whole handle")
	}
}

// Inline scripts and styles would be refused by our own policy. What search engines read
// is data, not a script.
func TestTemplatesHoldNothingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script(?:[^>]*)>[^<]|javascript:`)
	data := []byte(`<script type="application/ld+json">`)
	err := fs.WalkDir(webtest.Files(), "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(webtest.Files(), name)
		text = bytes.ReplaceAll(text, data, nil)
		if at := inline.FindString(string(text)); at != "" {
			t.Errorf("%s has %q", name, at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
