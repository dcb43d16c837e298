package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/usherhq/usher/modules/kernel/openapi"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// ask sends a request to the house as the key of the right manage, and returns both.
func (th *throng) ask(method, path, body string) (*http.Request, *http.Response) {
	th.t.Helper()
	newRequest := func() *http.Request {
		req := httptest.NewRequestWithContext(th.t.Context(), method, "http://localhost:8080"+path, strings.NewReader(body))
		req.RemoteAddr = "127.0.0.1:4711"
		req.Header.Set("Authorization", "Bearer "+th.bearer["key: manage"])
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		return req
	}
	rec := httptest.NewRecorder()
	th.u.server.http.Handler.ServeHTTP(rec, newRequest())
	return newRequest(), rec.Result()
}

// apiOf asks the house for its document.
func apiOf(t *testing.T, th *throng) ([]byte, openapi.Document) {
	t.Helper()
	_, res := th.ask("GET", "/openapi.json", "")
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err, string(raw))
	}
	var d openapi.Document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return raw, d
}

// apiFile is the document as it lies in the tree, for those who make clients of it.
const apiFile = "../docs/openapi.json"

// TestGoldenAPI compares the house's document with docs/openapi.json, from which
// clients are made. To accept a change: go test ./app -run GoldenAPI -update
func TestGoldenAPI(t *testing.T) {
	raw, _ := apiOf(t, newThrong(t))
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", " "); err != nil {
		t.Fatal(err)
	}
	if webtest.Updating() {
		if err := os.WriteFile(apiFile, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), bytes.TrimSpace(pretty.Bytes())) {
		t.Errorf("%s is not what the house serves: look at the change, then go test ./app -run GoldenAPI -update", apiFile)
	}
}

var rightsLine = regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `([^`]+)` \\| ([a-z]+) \\|")

// TestTheDocumentIsTheHouse compares the API's document with the mounted routes, their
// methods, paths and parameters of the path, and with the rights that
// TestGoldenRights has asked the guard for.
func TestTheDocumentIsTheHouse(t *testing.T) {
	th := newThrong(t)
	_, d := apiOf(t, th)
	table, err := os.ReadFile(rightsFile)
	if err != nil {
		t.Fatal(err)
	}
	rights := map[string]string{}
	for _, m := range rightsLine.FindAllStringSubmatch(string(table), -1) {
		rights[m[1]+" "+m[2]] = m[3]
	}
	mounted := map[string]bool{}
	for _, r := range th.u.server.http.Handler.(*echo.Echo).Routes() {
		path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}")
		mounted[strings.ToLower(r.Method)+" "+path] = true
		op := d.Paths[path][strings.ToLower(r.Method)]
		if op == nil {
			if strings.HasPrefix(r.Path, "/v1/") {
				t.Errorf("%s %s is not in the document: give its web.Route a Doc", r.Method, r.Path)
			}
			continue
		}
		if want := rights[r.Method+" "+r.Path]; string(op.Right) != want {
			t.Errorf("%s %s needs the right %s, the document says %s", r.Method, r.Path, want, op.Right)
		}
		for _, p := range op.Parameters {
			if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
				t.Errorf("%s %s has no parameter %s", r.Method, r.Path, p.Name)
			}
		}
		if open := len(op.Security) == 0; open != (op.Right == "public") {
			t.Errorf("%s %s: security %v for the right %s", r.Method, r.Path, op.Security, op.Right)
		}
	}
	ids := map[string]string{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if !mounted[method+" "+path] {
				t.Errorf("the document has %s %s, the house does not", method, path)
			}
			if other := ids[op.ID]; other != "" {
				t.Errorf("%s and %s are both called %s", other, path, op.ID)
			}
			ids[op.ID] = path
		}
	}
}

// someEvent is an event as the API takes it.
const someEvent = `{"slug":"river","names":{"en":{"title":"River Festival"}},"zone":"Europe/London","locales":["en"],"currency":"GBP","starts_at":"2030-07-10T18:00:00Z",
	"categories":[{"names":{"en":{"title":"Standing"}},"capacity":10,"price_minor":4500}]}`

// TestTheDocumentIsValid lets an independent library judge the document, and then true
// requests and answers by it.
func TestTheDocumentIsValid(t *testing.T) {
	th := newThrong(t)
	raw, _ := apiOf(t, th)
	doc, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		t.Fatal(err)
	}
	if ok, found := v.ValidateDocument(); !ok {
		for _, f := range found {
			t.Error(f.Error())
		}
		return
	}
	for _, step := range [][3]string{
		{"PUT", "/v1/apps/festival", `{"name":"River Festival","locale":"en","zone":"Europe/London"}`},
		{"PUT", "/v1/apps/festival/credentials/webpush", `{"subject":"mailto:you@example.org"}`},
		{"GET", "/v1/apps", ""},
		{"PUT", "/v1/installations/anas-phone", `{"app":"festival","kind":"apns","handle":"` + strings.Repeat("ab", 32) + `","locale":"de-CH","tags":["vip"],"attributes":{"name":"Ana"}}`},
		{"GET", "/v1/installations?app=festival&tags=vip&limit=10", ""},
		{"GET", "/v1/installations/anas-phone?app=festival", ""},
		{"PUT", "/v1/templates/doors", `{"app":"festival"}`}, // refused: the problem is judged
		{"POST", "/v1/notifications/dry-run", `{"app":"festival","tags":"vip","template":"alert","properties":{"title":"Doors open","body":"Gate A"}}`},
		{"POST", "/v1/notifications", `{"app":"festival","tags":"vip","template":"alert","properties":{"title":"Doors open","body":"Gate A"}}`},
		{"GET", "/v1/notifications", ""},
		{"GET", "/v1/lanes", ""},
		{"POST", "/v1/catalogue/events", someEvent},
		{"GET", "/v1/catalogue/events", ""},
		{"GET", "/v1/forecasts", ""},
		{"GET", "/v1/models", ""},
		{"GET", "/v1/calibration", ""},
		{"GET", "/v1/queries", ""},
		{"GET", "/v1/detectors", ""},
		{"GET", "/v1/alarms", ""},
		{"GET", "/v1/stream/listeners", ""},
		{"GET", "/v1/webhooks/types", ""},
		{"GET", "/v1/pricing/categories", ""},
		{"GET", "/v1/venues", ""},
		{"GET", "/v1/policies", ""},
		{"GET", "/v1/keys", ""}, // forbidden to a key
		{"GET", "/v1/payments", ""},
		{"GET", "/v1/invoices", ""},
	} {
		req, res := th.ask(step[0], step[1], step[2])
		refused := res.StatusCode >= 400
		if allowed := step[1] == "/v1/keys" || step[1] == "/v1/templates/doors"; refused != allowed {
			t.Errorf("%s %s: %s", step[0], step[1], res.Status)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Logf("%s %s: %d %.150s", step[0], step[1], res.StatusCode, body)
			res.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		check := v.ValidateHttpRequestResponse
		if refused {
			check = v.ValidateHttpResponse
		}
		if ok, found := check(req, res); !ok {
			for _, f := range found {
				t.Errorf("%s %s: %s", step[0], step[1], f.Error())
				for _, s := range f.SchemaValidationErrors {
					t.Errorf("  %s at %s", s.Reason, s.FieldPath)
				}
			}
		}
	}
}
