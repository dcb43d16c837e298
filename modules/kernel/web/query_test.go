package web_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestCheckQueryNamesWhatNoTextHolds(t *testing.T) {
	for query, want := range map[string]string{
		"":                        "",
		"series=jazz&q=K%C3%B6ln": "",
		"q=Köln&bad=%zz":          "",
		"series=%00":              "series holds the character U+0000",
		"q=a&q=%ff":               "q is not UTF-8",
		"q=\xff":                  "q is not UTF-8",
		"b=%00&a=%fe&c=d":         "a is not UTF-8, b holds the character U+0000",
		"a%00=x":                  "a� holds the character U+0000",
	} {
		var got []string
		err := web.CheckQuery(query)
		if f, ok := errors.AsType[*fault.Error](err); ok {
			for _, field := range f.Fields {
				got = append(got, field.Name+" "+field.Problem)
			}
		}
		if strings.Join(got, ", ") != want || (want != "") != fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, want %q", query, err, want)
		}
	}
}

// A parameter that is mistyped does not pass for left out.
func TestADocumentedRouteKnowsItsParameters(t *testing.T) {
	asked := 0
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	handler := func(c echo.Context) error {
		asked++
		return c.NoContent(http.StatusNoContent)
	}
	web.Mounter{Echo: e, Guard: webtest.Everyone{}}.Routes(
		web.Route{Method: "POST", Path: "/v1/import", Right: web.Public, Handler: handler, Doc: web.Doc{Says: "Imports.", Query: []string{"dry_run: true only checks", "cursor"}}},
		web.Route{Method: "POST", Path: "/v1/none", Right: web.Public, Handler: handler, Doc: web.Doc{Says: "Asks nothing."}},
		web.Route{Method: "POST", Path: "/v1/free", Right: web.Public, Handler: handler})
	for path, want := range map[string]string{
		"/v1/import": "", "/v1/import?": "", "/v1/import?dry_run=true&cursor=": "", "/v1/free?x=1": "",
		"/v1/import?dryrun=true":         `did you mean dry_run?`,
		"/v1/import?dry_run=true&zebra":  `one of dry_run, cursor`,
		"/v1/import?Cursor=1":            `did you mean cursor?`,
		"/v1/none?limit=1":               `"limit"`,
		"/v1/import?dry_run:%20true=yes": `is not a known parameter`,
	} {
		before, rec := asked, httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, nil))
		switch {
		case want == "" && rec.Code != http.StatusNoContent:
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		case want != "" && (rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), want) || asked != before):
			t.Errorf("%s: %d %s, want %s", path, rec.Code, rec.Body, want)
		}
	}
}

// Every route of the API is asked with a query that can be read, or not at all.
func TestAQueryThatNoTextHoldsComesToNoHandler(t *testing.T) {
	asked := 0
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	web.Mounter{Echo: e, Guard: webtest.Everyone{}}.Routes(web.Route{Method: "GET", Path: "/v1/x", Right: web.Public, Handler: func(c echo.Context) error {
		asked++
		return c.NoContent(http.StatusNoContent)
	}})
	for path, code := range map[string]int{"/v1/x?q=a%20b": http.StatusNoContent, "/v1/x?q=%00": http.StatusBadRequest} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != code || code == http.StatusBadRequest && !strings.Contains(rec.Body.String(), `"q"`) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	if asked != 1 {
		t.Errorf("the handler was asked %d times", asked)
	}
}
