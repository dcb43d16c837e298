package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/usherhq/usher/modules/analytics"
)

// The npm package cloudevents sends in every content mode.
func TestNodeCloudEventsClient(t *testing.T) {
	h := newHouse(t)
	cmd := exec.CommandContext(t.Context(), "node", "send.mjs", h.url+"/v1/events", h.key)
	cmd.Dir = "../test/clients/cloudevents"
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%v\n%s\n(its packages come by: make test)", err, exit.Stderr)
	}
	h.must(err)
	var answers map[string]struct {
		Status int
		Body   analytics.Result
	}
	h.must(json.Unmarshal(out, &answers))
	for name, want := range map[string][4]int{
		"binary": {202, 1, 0, 0}, "binary again": {202, 0, 1, 0}, "structured": {202, 1, 0, 0}, "structured again": {202, 0, 1, 0},
		"batch": {202, 2, 1, 0}, "text": {202, 1, 0, 0}, "bytes": {202, 1, 0, 0}, "wrong": {400, 0, 0, 1},
	} {
		a := answers[name]
		if got := [4]int{a.Status, a.Body.Accepted, a.Body.Duplicate, len(a.Body.Rejected)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// The Go SDK takes 202 for delivered and 400 for refused, in both modes.
func TestGoCloudEventsClient(t *testing.T) {
	h := newHouse(t)
	protocol, err := cehttp.New(cehttp.WithTarget(h.url+"/v1/events"), cehttp.WithHeader("Authorization", "Bearer "+h.key))
	h.must(err)
	client, err := cloudevents.NewClient(protocol, cloudevents.WithTimeNow())
	h.must(err)
	modes := map[string]func(context.Context) context.Context{"binary": binding.WithForceBinary, "structured": binding.WithForceStructured}
	for mode, in := range modes {
		e := cloudevents.NewEvent()
		e.SetID(mode)
		e.SetSource("/shop/go")
		e.SetType("page.viewed")
		h.must(e.SetData(cloudevents.ApplicationJSON, map[string]string{"page": "/tickets"}))
		for _, what := range []string{"first", "again"} {
			if result := client.Send(in(t.Context()), e); !cloudevents.IsACK(result) {
				t.Errorf("%s, %s: %v", mode, what, result)
			}
		}
		e.SetType("page.veiwed")
		var answer *cehttp.Result
		if result := client.Send(in(t.Context()), e); !cloudevents.IsNACK(result) || !cloudevents.ResultAs(result, &answer) || answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s, an unknown type: %v", mode, result)
		}
	}
}
