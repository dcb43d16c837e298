package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
	files "github.com/usherhq/usher/web"
)

// healthSite serves the page as the house does, in a state where everything needs a person.
func healthSite(t *testing.T) *echo.Echo {
	t.Helper()
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	cfg.HTTP.TLS.CertFile, cfg.Azure.TLS.ACMEHost = filepath.Join(cfg.DataDir, "tls.crt"), "push.example.org"
	certFor(t, cfg.HTTP.TLS.CertFile, 90*day, 9*day)
	certFor(t, filepath.Join(cfg.DataDir, "acme", "push.example.org"), 90*day, -2*day)
	if err := rememberBackup(cfg.DataDir, lastBackup{At: upkeepNow.AddDate(0, 0, -31), File: "/var/backups/usher/2027-05-01.usher", Bytes: 5 << 20}); err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	_, assets, err := drawPages(e, Site{Files: files.Files})
	if err != nil {
		t.Fatal(err)
	}
	e.Use(web.Identify, web.Secure)
	health := healthOf(cfg)
	health.apps = appsNamed("festival", "winter")
	e.GET("/system", health.page)
	m := web.Mounter{Echo: e, Guard: nobodyAsks{}}
	m.Routes(assets.Route())
	return e
}

type nobodyAsks struct{}

func (nobodyAsks) Allow(echo.Context, web.Right) error { return nil }

func TestGoldenHealth(t *testing.T) {
	e := healthSite(t)
	for _, language := range []string{"en", "de"} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/system", nil)
		req.Header.Set("Accept-Language", language)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		webtest.Same(t, filepath.Join("testdata", "pages", "system-"+language+".html"), bytes.TrimSpace(webtest.Main(rec.Body.Bytes())))
	}
}

func TestHealthInABrowser(t *testing.T) {
	site := httptest.NewServer(healthSite(t))
	t.Cleanup(site.Close)
	b := webtest.NewBrowserUp(t, site.URL, "..")
	b.LookAs("/system", 390, "dark")
	b.LookAs("/system", 1280, "light")
	b.Quiet()
}
