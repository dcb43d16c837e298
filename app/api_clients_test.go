package app

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a program of the client's world and returns what it printed.
func (h *house) run(dir string, env []string, name string, args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s\n%s\n(its parts come by: make clients-api)", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// TestGeneratedClients makes both clients from the document, as the release does, and
// lets each register an installation, send a notification twice with one key, hold
// two tickets, ask for forecasts, and be refused.
func TestGeneratedClients(t *testing.T) {
	h := newHouse(t)
	h.call("PUT", "/v1/apps/festival", json.RawMessage(`{"name":"River Festival","locale":"en","zone":"Europe/London"}`), nil)
	var e struct {
		ID         string
		Categories []struct{ ID string }
	}
	h.call("POST", "/v1/catalogue/events", json.RawMessage(someEvent), &e)
	category := e.Categories[0]
	h.call("PATCH", "/v1/catalogue/events/"+e.ID, json.RawMessage(`{"state":"published"}`), nil)

	tools, err := filepath.Abs("../test/clients/api")
	h.must(err)
	generators, err := filepath.Glob("../.cache/bin/oapi-codegen-v*")
	if err != nil || len(generators) == 0 {
		t.Fatal("the generator of the Go client is missing: make clients-api")
	}
	generator, err := filepath.Abs(generators[0])
	h.must(err)
	dir := t.TempDir()
	h.run(tools, []string{"OAPI_CODEGEN=" + generator}, "./make.sh", dir)

	for language, printed := range map[string]string{"typescript": h.typescript(tools, dir, e.ID, category.ID), "go": h.golang(tools, dir, e.ID, category.ID)} {
		var got struct {
			Installation, Notification, Repeated, Refused string
			TotalMinor                                    int64 `json:"total_minor"`
			Forecasts                                     int
		}
		h.must(json.Unmarshal([]byte(printed), &got))
		if got.Installation != language+"-phone" || got.Notification == "" || got.Repeated != got.Notification || got.TotalMinor != 9000 || got.Refused != "invalid" {
			t.Errorf("%s: %+v", language, got)
		}
		var sent struct{ Notification struct{ Audience int } }
		h.call("GET", "/v1/notifications/"+got.Notification, nil, &sent)
		if sent.Notification.Audience != 1 {
			t.Errorf("%s: the notification has an audience of %d", language, sent.Notification.Audience)
		}
	}
	var stock struct{ Categories []struct{ Held int } }
	h.call("GET", "/v1/catalogue/events/"+e.ID+"/stock", nil, &stock)
	if stock.Categories[0].Held != 4 {
		t.Errorf("%d tickets are held", stock.Categories[0].Held)
	}
}

// typescript checks the program against the client's types, and runs it.
func (h *house) typescript(tools, dir, event, category string) string {
	h.t.Helper()
	work := filepath.Join(dir, "ts")
	h.must(os.MkdirAll(filepath.Join(work, "node_modules", "@usherhq"), 0o755))
	h.must(os.Symlink(filepath.Join(tools, "node_modules", "openapi-fetch"), filepath.Join(work, "node_modules", "openapi-fetch")))
	// What the client imports is found from where the client lies.
	h.must(os.Rename(filepath.Join(dir, "typescript"), filepath.Join(work, "node_modules", "@usherhq", "client")))
	for _, file := range []string{"journey.ts", "tsconfig.json"} {
		text, err := os.ReadFile(filepath.Join(tools, file))
		h.must(err)
		h.must(os.WriteFile(filepath.Join(work, file), text, 0o600))
	}
	h.must(os.WriteFile(filepath.Join(work, "package.json"), []byte(`{"type":"module"}`), 0o600))
	h.run(work, nil, filepath.Join(tools, "node_modules", ".bin", "tsc"), "-p", ".")
	return h.run(work, nil, "node", "journey.js", h.url, h.key, event, category)
}

// golang compiles the program with the client, and runs it.
func (h *house) golang(tools, dir, event, category string) string {
	h.t.Helper()
	work := filepath.Join(dir, "journey")
	h.must(os.MkdirAll(work, 0o755))
	text, err := os.ReadFile(filepath.Join(tools, "go", "journey.go.txt"))
	h.must(err)
	h.must(os.WriteFile(filepath.Join(work, "main.go"), text, 0o600))
	h.must(os.WriteFile(filepath.Join(work, "go.mod"), []byte("module journey\n\ngo 1.26\n\nreplace github.com/usherhq/usher-go => ../go\n"), 0o600))
	h.run(work, nil, "go", "mod", "tidy")
	return h.run(work, nil, "go", "run", "-trimpath", ".", h.url, h.key, event, category)
}
