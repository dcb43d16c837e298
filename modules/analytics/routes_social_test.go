package analytics

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

func TestWebhook(t *testing.T) {
	r := newWatchRig(t)
	cfg := Defaults()
	c := Connector{Name: "hook", Kind: kindWebhook, Secret: "a secret of twenty characters", Event: "gig"}
	cfg.Social = []Connector{c}
	s := r.served(cfg)
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(quietLog, nil)
	web.Mounter{Echo: e, Guard: anyone{}}.Routes(s.socialRoutes()...)
	send := func(path, body string, age time.Duration) *httptest.ResponseRecorder {
		stamp := fmt.Sprint(r.clock.Now().Add(-age).Unix())
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Usher-Timestamp", stamp)
		req.Header.Set("X-Usher-Signature", "sha256="+hex.EncodeToString(c.sign(stamp, []byte(body))))
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		return rec
	}
	const two = `{"posts": [{"id": "1", "text": "great", "lang": "en", "created_at": "2026-06-01T11:59:00Z"}, {"id": "2", "text": "fine", "created_at": "2026-06-01T11:59:30Z"}]}`
	for _, tc := range []struct {
		name, path, body string
		age              time.Duration
		status           int
		want             string
	}{
		{"new", "/v1/social/hook", two, 0, 202, `{"accepted":2,"duplicate":0,"rejected":0}`},
		{"replayed", "/v1/social/hook", two, time.Minute, 202, `{"accepted":0,"duplicate":2,"rejected":0}`},
		{"stale", "/v1/social/hook", two, 6 * time.Minute, 401, "the signature does not fit"},
		{"ancient post", "/v1/social/hook", `{"posts": [{"id": "3", "text": "old", "created_at": "2020-06-01T11:59:00Z"}]}`, 0, 202, `"rejected":1`},
		{"no text", "/v1/social/hook", `{"posts": [{"id": "3", "created_at": "2026-06-01T11:59:00Z"}]}`, 0, 400, "text"},
		{"no posts", "/v1/social/hook", `{"posts": []}`, 0, 400, "posts"},
		{"no such connector", "/v1/social/" + url.PathEscape("nobody"), two, 0, 404, "no such connector"},
	} {
		if rec := send(tc.path, tc.body, tc.age); rec.Code != tc.status || !strings.Contains(rec.Body.String(), tc.want) {
			t.Errorf("%s: %d %s", tc.name, rec.Code, rec.Body)
		}
	}
	if got := fmt.Sprint(r.posts()); got != "[great fine]" {
		t.Error(got)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/social", nil))
	if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, `"posts":2`) || strings.Contains(body, "secret") {
		t.Errorf("%d %s", rec.Code, body)
	}
}
