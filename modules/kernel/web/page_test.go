package web_test

import (
	"encoding/base64"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

type place struct {
	At    int64  `json:"a"`
	Place string `json:"p"`
}

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := place{rapid.Int64().Draw(t, "at"), rapid.StringN(0, 20, 60).Draw(t, "place")}
		got, err := web.DecodeCursor[place](web.EncodeCursor(want))
		if err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
	if got, err := web.DecodeCursor[place](""); err != nil || got != (place{}) {
		t.Errorf("no cursor: %+v, %v", got, err)
	}
}

func TestCursorRefusesWhatIsNotOurs(t *testing.T) {
	for _, s := range []string{
		"!", "bm90IGpzb24", web.EncodeCursor(map[string]int{"z": 1}), web.EncodeCursor([]int{1}),
		base64.RawURLEncoding.EncodeToString([]byte(`{"a":1}{}`)), web.EncodeCursor(place{Place: strings.Repeat("x", 4000)}),
	} {
		if got, err := web.DecodeCursor[place](s); !fault.Is(err, fault.Invalid) || got != (place{}) {
			t.Errorf("%.20s: %+v, %v", s, got, err)
		}
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add("")
	f.Add(web.EncodeCursor(place{7, "x"}))
	f.Add("e30=")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := web.DecodeCursor[place](s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || p != (place{}) {
				t.Errorf("%q: %+v, %v", s, p, err)
			}
			return
		}
		if again, err := web.DecodeCursor[place](web.EncodeCursor(p)); err != nil || again != p {
			t.Errorf("%q: %+v became %+v, %v", s, p, again, err)
		}
	})
}

func TestLimit(t *testing.T) {
	for query, want := range map[string]int{"": 20, "?limit=1": 1, "?limit=100": 100, "?limit=0": -1, "?limit=101": -1, "?limit=x": -1} {
		c := echo.New().NewContext(httptest.NewRequest("GET", "/"+query, nil), httptest.NewRecorder())
		got, err := web.Limit(c, 20, 100)
		if want < 0 && !fault.Is(err, fault.Invalid) || want >= 0 && (err != nil || got != want) {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
}

func TestTags(t *testing.T) {
	current := place{1, "x"}
	e := house(t, io.Discard, nil, nil,
		web.Route{Method: "GET", Path: "/p", Right: web.Public, Handler: func(c echo.Context) error { return web.Fresh(c, current) }},
		web.Route{Method: "PUT", Path: "/p", Right: web.Public, Handler: func(c echo.Context) error {
			if err := web.IfMatch(c, current); err != nil {
				return err
			}
			return c.NoContent(204)
		}})
	first := call(e, "GET", "/p", "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || !strings.HasPrefix(tag, `"`) {
		t.Fatalf("%d, tag %q", first.Code, tag)
	}
	for _, tc := range []struct {
		method, header, value string
		status                int
	}{
		{"GET", "If-None-Match", tag, 304},
		{"GET", "If-None-Match", `"other", W/` + tag, 304},
		{"GET", "If-None-Match", `"other"`, 200},
		{"PUT", "If-Match", tag, 204},
		{"PUT", "If-Match", "*", 204},
		{"PUT", "If-Match", "W/" + tag, 412}, // RFC 9110: If-Match compares strongly
		{"PUT", "If-Match", `"other"`, 412},
		{"PUT", "X-None", "", 204},
	} {
		if rec := call(e, tc.method, "/p", "", tc.header, tc.value); rec.Code != tc.status {
			t.Errorf("%s with %s %s: %d, want %d", tc.method, tc.header, tc.value, rec.Code, tc.status)
		}
	}
	if p := problem(t, call(e, "PUT", "/p", "", "If-Match", `"other"`)); p.Code != fault.Conflict {
		t.Errorf("412: %+v", p)
	}
	current.At++
	if rec := call(e, "GET", "/p", "", "If-None-Match", tag); rec.Code != 200 || rec.Header().Get("ETag") == tag {
		t.Errorf("after a change: %d with tag %s", rec.Code, rec.Header().Get("ETag"))
	}
}
