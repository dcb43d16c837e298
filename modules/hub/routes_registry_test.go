package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/web"
)

// desk is the hub's JSON API on a database of its own, without push services.
type desk struct {
	*Service
	t     testing.TB
	clock *clock.Fixed
	http  *httptest.Server
}

// open lets everyone do everything: rights are the guard's matter.
type open struct{}

func (open) Allow(echo.Context, web.Right) error { return nil }

func newDesk(t testing.TB, apps ...string) *desk {
	t.Helper()
	d := &desk{t: t, clock: clock.At(time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC))}
	key, err := seal.Load(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	d.Service = New(Defaults(), dbtest.New(t, dbtest.WithClock(d.clock)), key, NewSender, slog.New(slog.DiscardHandler))
	t.Cleanup(d.Close)
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(slog.New(slog.DiscardHandler), nil)
	m := web.Mounter{Echo: e, Guard: open{}}
	m.Routes(d.appRoutes()...)
	m.Routes(d.installationRoutes()...)
	m.Routes(d.transferRoutes()...)
	d.http = httptest.NewServer(e)
	t.Cleanup(d.http.Close)
	for _, app := range apps {
		if _, err := d.CreateApp(t.Context(), App{ID: app, Name: app}); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// httpReply is an HTTP answer, read to its end.
type httpReply struct {
	status int
	header http.Header
	body   string
}

func (d *desk) do(method, path, body string, headers ...string) httpReply {
	d.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, d.http.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return httpReply{res.StatusCode, res.Header, string(b)}
}

func decoded[T any](t testing.TB, r httpReply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// apnsHandle is the nth device token.
func apnsHandle(n int) string { return fmt.Sprintf("%064x", n) }

func apnsBody(n int, rest string) string {
	return fmt.Sprintf(`{"kind":"apns","handle":%q%s}`, apnsHandle(n), rest)
}

// scenario is one request to the API and what must come back.
type scenario struct {
	name, method, path, body string
	header                   []string
	status                   int
	has                      []string // parts of the answer
	hasNot                   []string
}

func (d *desk) play(t *testing.T, steps []scenario) {
	t.Helper()
	for _, s := range steps {
		got := d.do(s.method, s.path, s.body, s.header...)
		if got.status != s.status {
			t.Errorf("%s: %s %s answered %d, want %d: %s", s.name, s.method, s.path, got.status, s.status, got.body)
		}
		for _, part := range s.has {
			if !strings.Contains(got.body, part) {
				t.Errorf("%s: the answer lacks %s: %s", s.name, part, got.body)
			}
		}
		for _, part := range s.hasNot {
			if strings.Contains(got.body, part) {
				t.Errorf("%s: the answer tells %s: %s", s.name, part, got.body)
			}
		}
	}
}

func TestInstallationAPI(t *testing.T) {
	d := newDesk(t, "festival")
	d.play(t, []scenario{
		{name: "create", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"tags":["VIP","berlin"],"locale":"de-ch","user":"Ana"`), status: 201,
			has: []string{`"app":"festival"`, `"version":1`, `"result":"created"`}},
		{name: "same again", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"tags":["berlin","vip","vip"],"locale":"de-CH","user":"Ana"`), status: 200,
			has: []string{`"version":1`, `"result":"unchanged"`}},
		{name: "read", method: "GET", path: "/v1/installations/a", status: 200,
			has: []string{`"locale":"de-CH"`, `"tags":["berlin","vip"]`, `"user":"Ana"`, `"status":"active"`, `"service":"apns"`}, hasNot: []string{"user:ana"}},
		{name: "change", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"tags":["berlin"],"user":"Ana"`), status: 200, has: []string{`"version":2`, `"result":"changed"`}},
		{name: "an id with a colon, escaped", method: "PUT", path: "/v1/installations/dev%3A1%23x", body: apnsBody(2, ``), status: 201, has: []string{`"id":"dev:1#x"`}},
		{name: "read it", method: "GET", path: "/v1/installations/dev%3A1%23x", status: 200, has: []string{`"id":"dev:1#x"`}},
		{name: "user tags reach people", method: "GET", path: "/v1/installations?tags=user:ana", status: 200, has: []string{`"id":"a"`}, hasNot: []string{`dev:1`}},
		{name: "no such app", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"app":"opera"`), status: 404, has: []string{"opera"}},
		{name: "no such installation", method: "GET", path: "/v1/installations/zz", status: 404},
		{name: "another id in the body", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"id":"b"`), status: 400, has: []string{`"field":"id"`}},
		{name: "too large", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"topic":"`+strings.Repeat("x", maxLine)+`"`), status: 413},
		{name: "delete", method: "DELETE", path: "/v1/installations/a", status: 204},
		{name: "delete again", method: "DELETE", path: "/v1/installations/a", status: 404},
	})
}

func TestInstallationFaultsComeAtOnce(t *testing.T) {
	d := newDesk(t, "festival")
	got := d.do("PUT", "/v1/installations/a", `{"kind":"apns","handle":"xyz","locale":"not a locale","zone":"Mars/Base","currency":"QQQ","units":"feet",
		"quiet":{"from":"25:00","to":"07:00"},"tags":["ok","user:bob","role:crew","$x","sp ace"],"topic":"a b","user":"a b",
		"attributes":{"name":{"a":1},"we-ird":"x","long":"`+strings.Repeat("x", 300)+`","Twice":1,"twice":2,"nul":"a\u0000b"},
		"templates":{"t":{"body":"{\"a\":\"$(x\"}"},"bad name":{"body":{}}}}`)
	if got.status != 400 {
		t.Fatalf("answered %d: %s", got.status, got.body)
	}
	problem := decoded[web.Problem](t, got)
	named := map[string]bool{}
	for _, f := range problem.Errors {
		named[f.Name] = true
		if f.Fix == "" {
			t.Errorf("%s: %s, but not how to mend it", f.Name, f.Problem)
		}
	}
	for _, want := range []string{"handle", "locale", "zone", "currency", "units", "quiet.from", "tags[1]", "tags[2]", "tags[3]", "tags[4]", "topic", "user",
		"attributes.name", "attributes.we-ird", "attributes.long", "attributes.nul", "templates.bad name"} {
		if !named[want] {
			t.Errorf("%s is not named in %s", want, got.body)
		}
	}
	if !strings.Contains(got.body, "templates.t.body") || !named["attributes.Twice"] && !named["attributes.twice"] {
		t.Errorf("a template or a doubled attribute is not named in %s", got.body)
	}
}

func TestHandleMovesWithItsOwner(t *testing.T) {
	d := newDesk(t, "festival")
	d.play(t, []scenario{
		{name: "old", method: "PUT", path: "/v1/installations/old", body: apnsBody(1, ""), status: 201},
		{name: "new", method: "PUT", path: "/v1/installations/new", body: apnsBody(1, ""), status: 201},
		{name: "the old one is gone", method: "GET", path: "/v1/installations/old", status: 404},
		{name: "upper case is the same handle", method: "PUT", path: "/v1/installations/abc", body: fmt.Sprintf(`{"kind":"apns","handle":%q}`, strings.ToUpper(apnsHandle(1))), status: 201},
		{name: "so the next is gone", method: "GET", path: "/v1/installations/new", status: 404},
		{name: "a new handle for the same id", method: "PUT", path: "/v1/installations/abc", body: apnsBody(2, ""), status: 200, has: []string{"changed"}},
	})
}

func TestConfirmationRevivesAndMovesHandleAt(t *testing.T) {
	d := newDesk(t, "festival")
	put := func() Put { return decoded[Put](t, d.do("PUT", "/v1/installations/a", apnsBody(1, ""))) }
	read := func() Installation {
		in, err := d.Installation(t.Context(), "festival", "a")
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	put()
	first := read().HandleAt
	d.clock.Advance(23 * time.Hour)
	if p := put(); p.Result != Unchanged || !read().HandleAt.Equal(first) {
		t.Errorf("within a day: %v, handle_at %v; want no write at all", p, read().HandleAt)
	}
	d.clock.Advance(2 * time.Hour)
	if p := put(); p.Result != Unchanged || p.Version != 1 || !read().HandleAt.Equal(d.clock.Now()) {
		t.Errorf("after a day: %v, handle_at %v; want it moved to %v", p, read().HandleAt, d.clock.Now())
	}
	for _, status := range []string{StatusRetired, StatusQuarantined} {
		setStatus(t, d, "a", status)
		if p := put(); p.Result != Changed || read().Status != StatusActive || read().StatusReason != "" {
			t.Errorf("%s: PUT gave %v, status %q; want it active again", status, p, read().Status)
		}
	}
	setStatus(t, d, "a", StatusRetired)
	d.do("PATCH", "/v1/installations/a", `[{"op":"add","path":"/tags","value":"vip"}]`)
	if got := read(); got.Status != StatusRetired || len(got.Tags) != 1 {
		t.Errorf("a PATCH revived a retired installation: %+v", got)
	}
}

func TestPatchAPI(t *testing.T) {
	d := newDesk(t, "festival")
	d.do("PUT", "/v1/installations/a", apnsBody(1, `,"tags":["berlin"],"attributes":{"name":"Ana"}`))
	patch := func(ops string) scenario {
		return scenario{name: ops, method: "PATCH", path: "/v1/installations/a", body: ops, status: 200}
	}
	refuse := func(ops string, status int, has ...string) scenario {
		return scenario{name: ops, method: "PATCH", path: "/v1/installations/a", body: ops, status: status, has: has}
	}
	d.play(t, []scenario{
		patch(`[{"op":"add","path":"/tags","value":"VIP"},{"op":"add","path":"/tags/-","value":"crew"}]`),
		patch(`[{"op":"remove","path":"/tags/berlin"},{"op":"remove","path":"/tags/neverwas"}]`),
		patch(`[{"op":"replace","path":"/tags/crew","value":"staff"},{"op":"replace","path":"/locale","value":"de"}]`),
		patch(`[{"op":"add","path":"/attributes/seat","value":12},{"op":"add","path":"/templates/news","value":{"body":{"aps":{"alert":"$(m)"}}}}]`),
		{name: "result", method: "GET", path: "/v1/installations/a", status: 200,
			has: []string{`"tags":["staff","vip"]`, `"locale":"de"`, `"seat":12`, `"body":{"aps":{"alert":"$(m)"}}`, `"name":"Ana"`}},
		refuse(`[{"op":"replace","path":"/id","value":"b"}]`, 400, "[0]"),
		refuse(`[{"op":"replace","path":"/version","value":9}]`, 400),
		refuse(`[{"op":"move","path":"/tags/0","from":"/tags/1"}]`, 400),
		refuse(`[{"op":"add","path":"/tags","value":"user:bob"}]`, 400, "tags["),
		refuse(`[{"op":"remove","path":"/attributes/nothing"}]`, 400, "[0]"),
		refuse(`[]`, 400),
		refuse(`[{"op":"test","path":"/locale","value":"fr"},{"op":"replace","path":"/locale","value":"it"}]`, 409),
		{name: "no such installation", method: "PATCH", path: "/v1/installations/zz", body: `[{"op":"add","path":"/tags","value":"x"}]`, status: 404},
	})
}

func TestETag(t *testing.T) {
	d := newDesk(t, "festival")
	first := d.do("PUT", "/v1/installations/a", apnsBody(1, "")).header.Get("ETag")
	if first == "" || d.do("GET", "/v1/installations/a", "").header.Get("ETag") != first {
		t.Fatal("PUT and GET tell different ETags of one version")
	}
	d.play(t, []scenario{
		{name: "not modified", method: "GET", path: "/v1/installations/a", header: []string{"If-None-Match", first}, status: 304},
		{name: "put on what was read", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"tags":["x"]`), header: []string{"If-Match", first}, status: 200},
		{name: "put on what is old", method: "PUT", path: "/v1/installations/a", body: apnsBody(1, `,"tags":["y"]`), header: []string{"If-Match", first}, status: 412},
		{name: "patch on what is old", method: "PATCH", path: "/v1/installations/a", body: `[{"op":"add","path":"/tags","value":"z"}]`, header: []string{"If-Match", first}, status: 412},
		{name: "put on what is not there", method: "PUT", path: "/v1/installations/b", body: apnsBody(2, ""), header: []string{"If-Match", first}, status: 412},
		{name: "nothing of that happened", method: "GET", path: "/v1/installations/a", status: 200, has: []string{`"tags":["x"]`}},
	})
}

func TestListPages(t *testing.T) {
	d := newDesk(t, "festival", "opera")
	for i := range 25 {
		tags := `,"app":"festival","tags":["odd"]`
		if i%2 == 0 {
			tags = `,"app":"festival","tags":["even"]`
		}
		if got := d.do("PUT", fmt.Sprintf("/v1/installations/i%02d", i), apnsBody(i, tags)); got.status != 201 {
			t.Fatal(got)
		}
	}
	d.do("PUT", "/v1/installations/elsewhere", apnsBody(1, `,"app":"opera"`))
	var seen []string
	path := "/v1/installations?app=festival&tags=even&service=apns&status=active&limit=5"
	for cursor := ""; ; {
		page := decoded[web.Page[Installation]](t, d.do("GET", path+"&cursor="+cursor, ""))
		for _, in := range page.Items {
			seen = append(seen, in.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 13 || seen[0] != "i00" || seen[12] != "i24" {
		t.Errorf("the pages hold %v", seen)
	}
	d.play(t, []scenario{
		{name: "app is needed where there are two", method: "GET", path: "/v1/installations", status: 400, has: []string{`"field":"app"`}},
		{name: "bad expression", method: "GET", path: "/v1/installations?app=festival&tags=a+%26%26", status: 400, has: []string{"tags"}},
		{name: "bad status", method: "GET", path: "/v1/installations?app=festival&status=dead", status: 400},
		{name: "bad cursor", method: "GET", path: "/v1/installations?app=festival&cursor=zz", status: 400},
		{name: "none", method: "GET", path: "/v1/installations?app=festival&status=retired", status: 200, has: []string{`"items":[]`}},
	})
}

func TestWebPushAndFCMInstallations(t *testing.T) {
	d := newDesk(t, "festival")
	d.play(t, []scenario{
		{name: "fcm by service", method: "PUT", path: "/v1/installations/f", body: `{"service":"fcm","handle":"abc:APA91b"}`, status: 201},
		{name: "its kind", method: "GET", path: "/v1/installations/f", status: 200, has: []string{`"kind":"fcm_token"`}},
		{name: "the same text as another kind is another handle", method: "PUT", path: "/v1/installations/g", body: `{"kind":"fcm_fid","handle":"abc:APA91b"}`, status: 201},
		{name: "both are there", method: "GET", path: "/v1/installations/f", status: 200},
		{name: "service and kind disagree", method: "PUT", path: "/v1/installations/h", body: `{"service":"apns","kind":"fcm_token","handle":"abc"}`, status: 400, has: []string{`"field":"service"`}},
		{name: "keys without web push", method: "PUT", path: "/v1/installations/h", body: apnsBody(3, `,"auth":"x"`), status: 400, has: []string{`"field":"p256dh"`}},
		{name: "web push without keys", method: "PUT", path: "/v1/installations/w", body: `{"kind":"webpush","handle":"https://updates.push.services.mozilla.com/x"}`, status: 400, has: []string{`"field":"handle"`}},
	})
}

func TestBodyForms(t *testing.T) {
	for _, c := range []struct{ in, text, out string }{
		{`{"a": "$(b)"}`, `{"a":"$(b)"}`, `{"a":"$(b)"}`},
		{`"{\"a\":1}"`, `{"a":1}`, `{"a":1}`},
		{`"<toast>$(b)</toast>"`, `<toast>$(b)</toast>`, `"\u003ctoast\u003e$(b)\u003c/toast\u003e"`},
	} {
		var b Body
		if err := json.Unmarshal([]byte(c.in), &b); err != nil || string(b) != c.text {
			t.Errorf("%s read as %s (%v), want %s", c.in, b, err, c.text)
		}
		if out, err := json.Marshal(b); err != nil || !bytes.Equal(out, []byte(c.out)) {
			t.Errorf("%s written as %s (%v), want %s", c.in, out, err, c.out)
		}
	}
}
