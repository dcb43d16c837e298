package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/web"
	files "github.com/usherhq/usher/web"
)

// said is a module that has something to say.
type said struct {
	says  web.Glance
	asked int
}

func (s *said) Glance(context.Context, string) (web.Glance, error) { s.asked++; return s.says, nil }

type fixedGuide struct{}

func (fixedGuide) Tour() demo.Tour {
	return demo.Tour{Acts: []demo.Act{{Name: web.T("Presale"), Done: true}, {Name: web.T("Doors"), Now: true, What: web.T("People come in.")}},
		Stops: []demo.Stop{{Page: web.T("Prices"), Link: "/prices", Look: web.T("how it moved")}}}
}

func (fixedGuide) Phone() demo.Phone { return demo.Phone{} }

func TestNowPutsTogetherWhatModulesSay(t *testing.T) {
	at := time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
	one := &said{says: web.Glance{Figures: []web.Figure{{Name: web.T("Tickets sold"), Value: web.T("%v", web.Number(12345))}}, News: []web.News{{At: at, What: web.T("older")}},
		Steps: []web.Step{{Done: true, What: web.T("Made")}, {What: web.T("To do"), Link: "/events/new"}}}}
	two := &said{says: web.Glance{Alerts: []web.Alert{{What: web.T("refused"), Post: "/again", Button: web.T("Resume sending")}}, News: []web.News{{At: at.Add(time.Minute), What: web.T("newer")}}}}
	clk := clock.At(at)
	n := &nowPages{modules: []glancer{one, two}, guide: fixedGuide{}, clock: clk}
	e := echo.New()
	renderer, err := web.NewRenderer(files.Files, map[string]any{"asset": func(name string) string { return "/assets/" + name }})
	if err != nil {
		t.Fatal(err)
	}
	e.Renderer = renderer
	e.GET("/", n.page)
	e.GET("/now/live", n.live)
	ask := func(path, language string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		req.Header.Set("Accept-Language", language)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		return rec.Body.String()
	}
	page := ask("/", "en")
	for _, want := range []string{"Tickets sold", "12,345", "refused", `action="/again"`, "People come in.", `aria-current="step"`, "how it moved"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Index(page, "newer") > strings.Index(page, "older") {
		t.Error("the newest is not told first")
	}
	if strings.Contains(page, "first-run") {
		t.Error("the first steps are shown beside the tour of a demo")
	}
	n.guide = nil
	if !strings.Contains(ask("/", "en"), "To do") {
		t.Error("the first steps are not shown")
	}
	one.says.Steps = one.says.Steps[:1]
	if strings.Contains(ask("/", "en"), "first-run") {
		t.Error("the first steps are shown though all are done")
	}
	before := one.asked
	for range 3 { // three who watch
		if live := ask("/now/live", "de"); !strings.Contains(live, "event: now") || !strings.Contains(live, "12.345") {
			t.Errorf("live says %q", live)
		}
	}
	if one.asked != before+1 {
		t.Errorf("three who watch made %d looks", one.asked-before)
	}
}
