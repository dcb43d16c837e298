package apns

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sideshow/apns2"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// TestClassify: every row of hub.md's APNs table.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		status  int
		reason  string
		verdict push.Verdict
		wait    time.Duration
		device  bool
	}{
		{200, "", push.Delivered, 0, false},
		{410, "Unregistered", push.Gone, 0, false},
		{410, "ExpiredToken", push.Gone, 0, false},
		{400, "BadDeviceToken", push.Gone, 0, false},
		{400, "DeviceTokenNotForTopic", push.Quarantine, 0, false},
		{400, "BadCollapseId", push.Failed, 0, false},
		{400, "PayloadEmpty", push.Failed, 0, false},
		{400, "TopicDisallowed", push.Failed, 0, false},
		{400, "IdleTimeout", push.Retry, 0, false},
		{404, "BadPath", push.Failed, 0, false},
		{405, "MethodNotAllowed", push.Failed, 0, false},
		{413, "PayloadTooLarge", push.Failed, 0, false},
		{403, "ExpiredProviderToken", push.Credential, 0, false}, // after the repeat
		{403, "InvalidProviderToken", push.Credential, 0, false},
		{403, "MissingProviderToken", push.Credential, 0, false},
		{403, "BadCertificate", push.Credential, 0, false},
		{403, "BadCertificateEnvironment", push.Credential, 0, false},
		{403, "Forbidden", push.Credential, 0, false},
		{403, "", push.Credential, 0, false},
		{429, "TooManyProviderTokenUpdates", push.Throttled, 5 * time.Minute, false},
		{429, "TooManyRequests", push.Throttled, time.Minute, true},
		{500, "InternalServerError", push.Retry, 0, false},
		{503, "ServiceUnavailable", push.Retry, 0, false},
		{503, "Shutdown", push.Retry, 0, false},
		{502, "", push.Retry, 0, false},
		{307, "", push.Failed, 0, false},
	} {
		o := Classify(tt.status, tt.reason, noon, "id")
		if o.Verdict != tt.verdict || o.RetryAfter != tt.wait || o.DeviceOnly != tt.device || o.Status != tt.status || o.Reason != tt.reason {
			t.Errorf("%d %s: %+v, want %s after %v", tt.status, tt.reason, o, tt.verdict, tt.wait)
		}
		if since := o.Since; (tt.status == 410) != since.Equal(noon) {
			t.Errorf("%d: since %v", tt.status, since)
		}
	}
}

// FuzzTidy: whatever a proxy answers, apns2 can read it and loses no status.
func FuzzTidy(f *testing.F) {
	for _, s := range []string{
		"", "<html>", `{"reason":"Unregistered","timestamp":1700000000000}`, `{"reason":7}`, `{"reason":"x","timestamp":"y"}`,
		`{"statuscode":200}`, `{"timestamp":1e99}`, "null", `[1]`, `{"reason":"\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := apns2.Response{StatusCode: 418}
		if err := json.NewDecoder(bytes.NewReader(tidy(body))).Decode(&r); err != nil {
			t.Fatalf("apns2 cannot read %q: %v", tidy(body), err)
		}
		if r.StatusCode != 418 {
			t.Fatalf("the body %q changed the status to %d", body, r.StatusCode)
		}
	})
}

func TestTidyKeepsReasonAndTimestamp(t *testing.T) {
	got := string(tidy([]byte(`{"x":1,"timestamp":1700000000123,"reason":"Unregistered"}`)))
	if got != `{"reason":"Unregistered","timestamp":1700000000123}` {
		t.Error(got)
	}
}

func TestNotification(t *testing.T) {
	s := &Sender{topic: "app.usher"}
	m := push.Message{ID: "id", Priority: push.High, Expires: noon}
	for name, tt := range map[string]struct {
		change func(*push.Message)
		want   func(apns2.Notification) bool
	}{
		"alert":           {func(*push.Message) {}, func(n apns2.Notification) bool { return n.PushType == "alert" && n.Priority == 10 }},
		"repeat replaces": {func(*push.Message) {}, func(n apns2.Notification) bool { return n.ApnsID == "id" && n.CollapseID == "id" }},
		"collapse key":    {func(m *push.Message) { m.Collapse = "score" }, func(n apns2.Notification) bool { return n.CollapseID == "score" }},
		"expiry":          {func(*push.Message) {}, func(n apns2.Notification) bool { return n.Expiration.Equal(noon) }},
		"normal":          {func(m *push.Message) { m.Priority = push.Normal }, func(n apns2.Notification) bool { return n.Priority == 5 }},
		"background":      {func(m *push.Message) { m.PushType = "background" }, func(n apns2.Notification) bool { return n.Priority == 5 && n.CollapseID == "" }},
		"topic":           {func(m *push.Message) { m.Topic = "app.usher.voip" }, func(n apns2.Notification) bool { return n.Topic == "app.usher.voip" }},
		"default topic":   {func(*push.Message) {}, func(n apns2.Notification) bool { return n.Topic == "app.usher" }},
	} {
		changed := m
		tt.change(&changed)
		if n := s.notification(&changed); !tt.want(n) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestRefuse(t *testing.T) {
	token := strings.Repeat("0a", 32)
	for name, tt := range map[string]struct {
		m    push.Message
		want push.Verdict
	}{
		"good":            {push.Message{Handle: push.Handle{Value: token}}, ""},
		"long token":      {push.Message{Handle: push.Handle{Value: token + token + "FF"}}, ""},
		"path in a token": {push.Message{Handle: push.Handle{Value: "../" + token[3:]}}, push.Gone},
		"query":           {push.Message{Handle: push.Handle{Value: token + "?x"}}, push.Gone},
		"short":           {push.Message{Handle: push.Handle{Value: token[:62]}}, push.Gone},
		"odd":             {push.Message{Handle: push.Handle{Value: token + "a"}}, push.Gone},
		"empty":           {push.Message{}, push.Gone},
		"large":           {push.Message{Handle: push.Handle{Value: token}, Payload: make([]byte, 4097)}, push.Failed},
		"collapse":        {push.Message{Handle: push.Handle{Value: token}, Collapse: strings.Repeat("x", 65)}, push.Failed},
	} {
		if o, _ := refuse(&tt.m); o.Verdict != tt.want {
			t.Errorf("%s: %+v, want %q", name, o, tt.want)
		}
		if valid := ValidateHandle(tt.m.Handle) == nil; valid != (tt.want != push.Gone) {
			t.Errorf("%s: ValidateHandle and Send differ", name)
		}
	}
}

func TestValidate(t *testing.T) {
	for payload, want := range map[string]fault.Code{
		`{"aps":{"alert":"x"}}`: "",
		`[]`:                    fault.Invalid,
		`null`:                  fault.Invalid,
		`{`:                     fault.Invalid,
		`{"x":"` + strings.Repeat("x", 4089) + `"}`: fault.TooLarge,
		`{"x":"` + strings.Repeat("x", 4088) + `"}`: "",
	} {
		if err := Validate([]byte(payload)); fault.CodeOf(err) != want {
			t.Errorf("%.20s… (%d bytes): %v, want %q", payload, len(payload), err, want)
		}
	}
	err := Validate(make([]byte, 5000))
	if err == nil || !strings.Contains(err.Error(), "5000") || !strings.Contains(err.Error(), "4096") {
		t.Errorf("%v, want size and limit", err)
	}
}

// TestRoundTripMakesReadable what apns2 would stumble over: an answer that is not
// APNs' own must keep its status.
func TestRoundTripMakesReadable(t *testing.T) {
	for body, want := range map[string]string{
		"<html>":                    "{}",
		`{"reason":1}`:              "{}",
		`{"reason":"X","junk":[1]}`: `{"reason":"X"}`,
		"":                          "{}",
	} {
		resp, err := readable{answering{502, body}}.RoundTrip(nil)
		if err != nil || resp.StatusCode != 502 {
			t.Fatalf("%q: %v, %v", body, resp, err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != want || err != nil {
			t.Errorf("%q became %q, want %q (%v)", body, got, want, err)
		}
	}
}

// An accepted message has an empty answer. Decoding it all the same would cost a
// twentieth of a send.
func TestRoundTripLeavesEmptyAnswers(t *testing.T) {
	empty := io.NopCloser(http.NoBody)
	resp, err := readable{accepting{empty}}.RoundTrip(nil)
	if err != nil || resp.Body != empty {
		t.Fatalf("the body became %v, %v", resp.Body, err)
	}
}

// accepting answers as HTTP/2 does when the headers end the stream.
type accepting struct{ body io.ReadCloser }

func (a accepting) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: a.body, ContentLength: 0}, nil
}

type answering struct {
	status int
	body   string
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, ContentLength: -1, Body: struct {
		*strings.Reader
		nopCloser
	}{strings.NewReader(a.body), nopCloser{}}}, nil
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }
