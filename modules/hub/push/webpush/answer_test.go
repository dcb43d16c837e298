package webpush

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// TestClassify: every row of hub.md's Web Push table.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		status  int
		after   string
		verdict push.Verdict
		wait    time.Duration
	}{
		{201, "", push.Delivered, 0},
		{202, "", push.Delivered, 0},
		{404, "", push.Gone, 0},
		{410, "", push.Gone, 0},
		{401, "", push.Credential, 0},
		{403, "", push.Credential, 0},
		{413, "", push.Failed, 0},
		{400, "", push.Failed, 0},
		{307, "", push.Failed, 0},
		{429, "30", push.Throttled, 30 * time.Second},
		{429, "", push.Throttled, time.Minute},
		{500, "", push.Retry, 0},
		{502, "", push.Retry, 0},
		{503, "90", push.Retry, 90 * time.Second},
		{408, "", push.Retry, 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", tt.after)
		o := Classify(tt.status, h, nil, noon)
		if o.Verdict != tt.verdict || o.RetryAfter != tt.wait || o.Status != tt.status {
			t.Errorf("%d (Retry-After %q): %+v, want %s after %v", tt.status, tt.after, o, tt.verdict, tt.wait)
		}
		if o.Verdict != push.Delivered && o.Reason == "" {
			t.Errorf("%d: no reason", tt.status)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(410, "7", []byte(`{"errno":106,"error":"Gone"}`))
	f.Add(400, "Fri, 01 May 2026 12:00:30 GMT", []byte("\x1b[2J\r\nX: y"))
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		o := Classify(status, http.Header{"Retry-After": {after}}, body, noon)
		if o.Verdict == "" || o.RetryAfter < 0 || len(o.Reason) > maxReason {
			t.Fatalf("%+v", o)
		}
		if strings.ContainsFunc(o.Reason, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("reason %q is not safe to show", o.Reason)
		}
	})
}
