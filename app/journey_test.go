package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
)

// Journey 1: phones register, a promoter's system sends to a topic and the promoter in a
// browser too, each phone gets it in its own language, pages tell of it; and a restart
// forgets nothing.
func TestJourneyRegisterThenSendToATopic(t *testing.T) {
	h := newHouse(t)
	h.festival(0)
	phones := map[string]push.Handle{}
	for i, locale := range []string{"en-GB", "de-CH", "fr-FR"} {
		service := push.Services[i]
		x := h.services.Handle(service, i, "")
		phones[locale] = x
		h.call("PUT", "/v1/installations/phone-"+locale, hub.Installation{App: "festival", Kind: x.Kind, Handle: x.Value, P256dh: x.P256dh, Auth: x.Auth,
			Locale: locale, Tags: []string{"Fan"}}, nil)
	}
	draft := map[string]any{"tags": "fan && !press", "template": "alert",
		"properties": map[string]any{"title": "Doors open", "title_de": "Einlass", "title_fr": "Ouverture", "body": "Gate A"}}
	var dry hub.DryRun
	h.call("POST", "/v1/notifications/dry-run", draft, &dry)
	if dry.Audience != 3 || len(dry.Samples) < 3 {
		t.Fatalf("dry run: %+v", dry)
	}
	var trial struct {
		Report     hub.Report
		Deliveries []hub.Delivery
	}
	h.call("POST", "/v1/notifications/test", draft, &trial)
	if !trial.Report.Finished() || len(trial.Deliveries) != 3 || trial.Deliveries[0].State != "delivered" {
		t.Fatalf("a test send answers what became of it: %+v", trial)
	}
	var n hub.Notification
	h.call("POST", "/v1/notifications", draft, &n)
	rep := h.until(n, "three deliveries", hub.Report.Finished)
	if rep.Outcomes["delivered"] != 3 {
		t.Fatalf("report: %+v", rep)
	}
	v := h.visitor(true)
	v.Open("/")
	v.press("Notify")
	v.press("Doors open")
	v.sees("fan && !press", "Einlass", "3 of 3 have an outcome")
	v.composes("fan && !press", "Encore", "Zugabe")
	v.press("Send to 3 installations")
	v.sees("3 of 3 have an outcome", "done")
	for locale, title := range map[string]string{"en-GB": "Encore", "de-CH": "Zugabe"} {
		h.soon(locale+" reads it", func() bool { return strings.Contains(h.got(phones[locale].Value), title) })
	}
	v.fill("Installation id", "phone-de-CH")
	v.press("Trace")
	v.sees("Outcome for phone-de-CH: delivered")
	v.press("Installations")
	v.press("phone-de-CH")
	v.within("The last notifications").sees("Encore delivered", "Doors open delivered")
	v.Quiet()
	h.child.Signal(syscall.SIGTERM)
	if err := h.child.Wait(); err != nil {
		t.Fatalf("usher did not stop in good order: %v", err)
	}
	h.start()
	var trace hub.Trace
	h.call("GET", "/v1/notifications/"+n.ID.String()+"/trace/phone-de-CH", nil, &trace)
	if trace.Outcome != "delivered" {
		t.Errorf("after a restart the trace says %q", trace.Outcome)
	}
}

// composes writes a notification in English and German, and looks at how it will be read.
func (v visitor) composes(tags, english, german string) {
	v.t.Helper()
	v.press("New notification")
	v.fill("Tag expression", tags)
	v.sees("3 installations")
	v.fill("Add a language", "de")
	v.press("Add")
	v.within("Default language").fill("Title", english)
	v.within("German").fill("Title", german)
	v.press("Preview")
	v.within("As it will reach people").sees(english, german)
}

func (h *house) page(path string) string {
	h.t.Helper()
	if h.owner == nil {
		h.claimed()
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+path, nil)
	h.must(err)
	req.AddCookie(h.owner)
	res, err := http.DefaultClient.Do(req)
	h.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	h.must(err)
	if res.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d %s", path, res.StatusCode, body)
	}
	return string(body)
}

// Every wrong input is answered with what is wrong, where, and how to mend it.
func TestWrongInputIsExplained(t *testing.T) {
	h := newHouse(t)
	h.festival(1)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		field                    string
	}{
		{"no JSON", "POST", "/v1/notifications", `{"tags":`, 400, ""},
		{"an unknown field", "POST", "/v1/notifications", `{"tag":"vip"}`, 400, "tag"},
		{"a wrong type", "POST", "/v1/notifications", `{"tags":7}`, 400, "tags"},
		{"a broken tag expression", "POST", "/v1/notifications", `{"tags":"vip &&","template":"alert"}`, 400, "tags"},
		{"no content", "POST", "/v1/notifications", `{"tags":"vip"}`, 400, "template"},
		{"an unknown template", "POST", "/v1/notifications", `{"template":"nope"}`, 404, ""},
		{"an unknown app", "POST", "/v1/notifications", `{"app":"nope","template":"alert"}`, 404, ""},
		{"an oversized payload", "POST", "/v1/notifications",
			`{"template":"alert","properties":{"title":"` + strings.Repeat("x", 5000) + `","body":"b"}}`, 413, "properties"},
		{"an expiry in the past", "POST", "/v1/notifications", `{"template":"alert","expires_at":"2020-01-01T00:00:00Z"}`, 400, "expires_at"},
		{"a bad handle", "PUT", "/v1/installations/a", `{"kind":"apns","handle":"xyz"}`, 400, "handle"},
		{"a tag of the server's", "PUT", "/v1/installations/a", `{"kind":"fcm_token","handle":"abc","tags":["user:7"]}`, 400, "tags[0]"},
		{"a private web push endpoint", "PUT", "/v1/installations/a", `{"kind":"webpush","handle":"http://10.0.0.1/x"}`, 400, "handle"},
		{"no such notification", "GET", "/v1/notifications/0190a0a0-0000-7000-8000-000000000000", ``, 404, ""},
		{"no id", "GET", "/v1/notifications/seven", ``, 400, "id"},
		{"no such path", "GET", "/v1/nothing", ``, 404, ""},
		{"a bad cursor", "GET", "/v1/notifications?cursor=!!", ``, 400, "cursor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req, err := http.NewRequest(tc.method, h.url+tc.path, strings.NewReader(tc.body))
			h.must(err)
			req.Header.Set("Authorization", "Bearer "+h.key)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			h.must(err)
			defer res.Body.Close()
			var p struct {
				Code, Detail, Fix string
				RequestID         string `json:"request_id"`
				Errors            []struct{ Field, Problem, Fix string }
			}
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("not a problem: %s %v", res.Header.Get("Content-Type"), err)
			}
			if res.StatusCode != tc.status || p.Code == "" || p.RequestID == "" || p.Detail == "" {
				t.Errorf("%d %+v, want %d", res.StatusCode, p, tc.status)
			}
			if tc.field == "" {
				return
			}
			for _, e := range p.Errors {
				if e.Field == tc.field && e.Problem != "" && e.Fix != "" {
					return
				}
			}
			t.Errorf("no field %q with a fix: %s", tc.field, fmt.Sprint(p.Errors))
		})
	}
}
