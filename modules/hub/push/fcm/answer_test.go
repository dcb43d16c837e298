package fcm

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/hub/push"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func googleError(status, details string) string {
	return `{"error":{"code":0,"message":"m","status":"` + status + `","details":[` + details + `]}}`
}

func fcmDetail(code string) string { return `{"@type":"` + fcmError + `","errorCode":"` + code + `"}` }

func violation(field string) string {
	return `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"` + field + `","description":"d"}]}`
}

// TestClassify: every row of hub.md's FCM table.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		status  int
		body    string
		after   string
		verdict push.Verdict
		reason  string
		wait    time.Duration
	}{
		{200, `{"name":"projects/p/messages/1"}`, "", push.Delivered, "", 0},
		{404, googleError("NOT_FOUND", fcmDetail("UNREGISTERED")), "", push.Gone, "UNREGISTERED", 0},
		{404, googleError("NOT_FOUND", ""), "", push.Failed, "NOT_FOUND", 0}, // the project, not the handle
		{404, "<html>", "", push.Failed, "", 0},
		{400, googleError("INVALID_ARGUMENT", fcmDetail("INVALID_ARGUMENT")), "", push.Gone, "INVALID_ARGUMENT", 0},
		{400, googleError("INVALID_ARGUMENT", fcmDetail("INVALID_ARGUMENT")+","+violation("message.android.ttl")), "", push.Failed, "INVALID_ARGUMENT", 0},
		{400, googleError("INVALID_ARGUMENT", violation("message.data[0].value")), "", push.Failed, "INVALID_ARGUMENT", 0},
		{400, googleError("INVALID_ARGUMENT", fcmDetail("INVALID_ARGUMENT")+","+violation("message.token")), "", push.Gone, "INVALID_ARGUMENT", 0},
		{400, googleError("INVALID_ARGUMENT", ""), "", push.Failed, "INVALID_ARGUMENT", 0},
		{403, googleError("PERMISSION_DENIED", fcmDetail("SENDER_ID_MISMATCH")), "", push.Quarantine, "SENDER_ID_MISMATCH", 0},
		{403, googleError("PERMISSION_DENIED", ""), "", push.Credential, "PERMISSION_DENIED", 0},
		{401, googleError("UNAUTHENTICATED", ""), "", push.Credential, "UNAUTHENTICATED", 0},
		{401, googleError("UNAUTHENTICATED", fcmDetail("THIRD_PARTY_AUTH_ERROR")), "", push.Credential, "THIRD_PARTY_AUTH_ERROR", 0},
		{429, googleError("RESOURCE_EXHAUSTED", fcmDetail("QUOTA_EXCEEDED")), "30", push.Throttled, "QUOTA_EXCEEDED", 30 * time.Second},
		{429, googleError("RESOURCE_EXHAUSTED", fcmDetail("QUOTA_EXCEEDED")), "", push.Throttled, "QUOTA_EXCEEDED", time.Minute},
		{500, googleError("INTERNAL", fcmDetail("INTERNAL")), "", push.Retry, "INTERNAL", 10 * time.Second},
		{503, googleError("UNAVAILABLE", fcmDetail("UNAVAILABLE")), "45", push.Retry, "UNAVAILABLE", 45 * time.Second},
		{503, googleError("UNAVAILABLE", ""), "", push.Retry, "UNAVAILABLE", 10 * time.Second},
		{502, "<html>", "", push.Retry, "", 10 * time.Second},
	} {
		h := http.Header{}
		h.Set("Retry-After", tt.after)
		o := Classify(tt.status, h, []byte(tt.body), noon)
		if o.Verdict != tt.verdict || o.Reason != tt.reason || o.RetryAfter != tt.wait || o.Status != tt.status {
			t.Errorf("%d %s: %+v, want %s %q after %v", tt.status, tt.body, o, tt.verdict, tt.reason, tt.wait)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(400, "7", []byte(googleError("INVALID_ARGUMENT", fcmDetail("INVALID_ARGUMENT"))))
	f.Add(503, "", []byte("<html>"))
	f.Add(404, "-1", []byte(`{"error":{"details":null}}`))
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		o := Classify(status, http.Header{"Retry-After": {after}}, body, noon)
		if o.Verdict == "" || o.RetryAfter < 0 {
			t.Fatalf("%+v", o)
		}
		if o.Verdict == push.Gone && o.Reason == "" {
			t.Fatalf("a handle would be retired without FCM's word: %+v", o)
		}
	})
}

// TestTokenEndpoint: its refusal is the credential's death, its failure is not.
func TestTokenEndpoint(t *testing.T) {
	answer := func(status int, body string) error {
		return &oauth2.RetrieveError{Response: &http.Response{StatusCode: status}, Body: []byte(body)}
	}
	for _, tt := range []struct {
		err     error
		verdict push.Verdict
		reason  string
	}{
		{answer(400, `{"error":"invalid_grant"}`), push.Credential, "invalid_grant"},
		{answer(401, "<html>"), push.Credential, "token refused"},
		{answer(503, ""), push.Retry, "token refused"},
		{answer(429, ""), push.Retry, "token refused"},
		{errors.New("connection refused"), push.Retry, "unreachable"},
	} {
		if o := unanswered(context.Background(), tt.err); o.Verdict != tt.verdict || o.Reason != tt.reason || o.Err == nil {
			t.Errorf("%v: %+v, want %s because %q", tt.err, o, tt.verdict, tt.reason)
		}
	}
}
