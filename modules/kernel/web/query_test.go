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
