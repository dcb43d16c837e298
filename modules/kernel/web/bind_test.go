package web_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

type address struct {
	City string `json:"city" validate:"required,max=10"`
}

type order struct {
	Name     string             `json:"name" validate:"required,min=2"`
	Platform string             `json:"platform,omitempty" validate:"omitempty,oneof=apns fcm webpush"`
	Count    int                `json:"count" validate:"max=8"`
	Price    *float64           `json:"price,omitempty"`
	At       time.Time          `json:"at"`
	ID       id.ID              `json:"id"`
	Tags     []string           `json:"tags" validate:"max=2"`
	Ship     []address          `json:"ship" validate:"dive"`
	Extra    map[string]address `json:"extra"`
	Raw      json.RawMessage    `json:"raw"`
}

func TestBindNamesEveryFault(t *testing.T) {
	e := house(t, io.Discard, nil, nil, web.Route{Method: "POST", Path: "/orders", Right: web.Public, Handler: func(c echo.Context) error {
		o, err := web.Bind[order](c)
		if err != nil {
			return err
		}
		return c.JSON(200, o.Name)
	}})
	for _, tc := range []struct {
		name, body string
		want       []string // field: problem | fix, or the detail
	}{
		{"good", `{"name":"Ada","tags":["a"],"price":1.5,"at":"2026-07-01T12:00:00Z","raw":{"x":1}}`, nil},
		{"unknown", `{"name":"Ada","tagz":[]}`, []string{"tagz: is not a known field | did you mean tags?"}},
		{"unknown and far", `{"name":"Ada","wholesale":1}`, []string{"wholesale: is not a known field | leave it out"}},
		{"nested unknown", `{"name":"Ada","ship":[{"city":"Ulm"},{"cty":"Ulm"}]}`, []string{"ship[1].cty: is not a known field | did you mean ship[1].city?"}},
		{"in a map", `{"name":"Ada","extra":{"home":{"city":7}}}`, []string{"extra.home.city: is 7 | write text in quotes"}},
		{"several types", `{"name":7,"count":"3","price":"x","tags":{"a":1},"ship":[3]}`, []string{
			"count: is the text \"3\" | write a whole number within its range", "name: is 7 | write text in quotes",
			"price: is the text \"x\" | write a number", "ship[0]: is 3 | write an object: { … }", "tags: is an object | write a list: [ … ]"}},
		{"fraction", `{"name":"Ada","count":1.5}`, []string{"count: is 1.5 | write a whole number within its range"}},
		{"time", `{"name":"Ada","at":"tomorrow"}`, []string{`at: is the text "tomorrow" | write a time such as 2026-07-01T18:30:00Z`}},
		{"id", `{"name":"Ada","id":"12"}`, []string{`id: is the text "12" | write an id such as 0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e55`}},
		{"not an object", `[1]`, []string{"body: is a list | write an object: { … }"}},
		{"rules", `{"platform":"apn","count":9,"tags":["a","b","c"],"ship":[{"city":"Llanfairpwll"},{}]}`, []string{
			"name: is missing | add it", "platform: must be one of apns, fcm, webpush | did you mean apns?", "count: must be at most 8 | ",
			"tags: must have at most 2 entries | ", "ship[0].city: must have at most 10 characters | ", "ship[1].city: is missing | add it"}},
		{"empty", ``, []string{"the body is empty"}},
		{"null", ` null `, []string{"the body is empty"}},
		{"syntax", "{\n  \"name\": Ada}", []string{"the body is not valid JSON at line 2, column 11: invalid character 'A' looking for beginning of value"}},
		{"cut", `{"name":"Ad`, []string{"the body is not valid JSON at line 1, column 12: it ends too early"}},
		{"Latin-1", "{\n  \"name\": \"M\xfcller\"}", []string{"the body is not UTF-8 at line 2, column 13"}},
		{"trailing", `{"name":"Ada"} {}`, []string{"there is more after the JSON value, from line 1, column 15"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := call(e, "POST", "/orders", tc.body, "Content-Type", "application/json; charset=utf-8")
			if tc.want == nil {
				if rec.Code != 200 {
					t.Fatalf("%d %s", rec.Code, rec.Body)
				}
				return
			}
			p := problem(t, rec)
			if p.Code != fault.Invalid || p.Status != 400 {
				t.Errorf("got %+v", p)
			}
			got := []string{p.Detail}
			if len(p.Errors) > 0 {
				got = nil
			}
			for _, f := range p.Errors {
				got = append(got, f.Name+": "+f.Problem+" | "+f.Fix)
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
	if rec := call(e, "POST", "/orders", "name=Ada", "Content-Type", "application/x-www-form-urlencoded"); rec.Code != 415 {
		t.Errorf("a form: %d, want 415", rec.Code)
	}
}

func TestCheckNamesListEntries(t *testing.T) {
	err := web.Check("x", []address{{City: "Ulm"}, {}}, "json")
	if err == nil || !strings.Contains(err.Error(), "[1].city: is missing") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"Ada","ship":[{"cty":1}]}`))
	f.Add([]byte(`{"at":"x","id":{},"extra":[],"tags":null}`))
	f.Add([]byte("[{\n\"a\":"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var o order
		if err := web.Decode(data, &o); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", data, err)
		}
	})
}
