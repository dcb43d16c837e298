package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
)

// try calls the API.
func (h *house) try(method, path string, body, answer any) error {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r = b
	default:
		j, err := json.Marshal(b)
		h.must(err)
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, r)
	h.must(err)
	req.Header.Set("Authorization", "Bearer "+h.key)
	req.Header.Set("Content-Type", "application/json")
	if _, ok := body.(io.Reader); ok {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if raw, ok := answer.(*[]byte); ok {
		*raw = text
		return nil
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

func (h *house) call(method, path string, body, answer any) {
	h.t.Helper()
	err := h.try(method, path, body, answer)
	h.must(err)
}

// phone is the handle of the festival's ith phone.
func (h *house) phone(i int) push.Handle {
	service := push.APNs
	if i%10 >= 4 {
		service = push.FCM
	}
	if i%10 == 9 {
		service = push.WebPush
	}
	return h.services.Handle(service, i, "")
}

// festival makes an app with all credentials and n phones: 40 % APNs, 50 % FCM, 10 % Web Push.
func (h *house) festival(n int) {
	h.t.Helper()
	h.call("PUT", "/v1/apps/festival", map[string]any{"name": "Festival"}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/apns", map[string]any{"key_pem": string(h.services.APNsKeyPEM()),
		"key_id": h.services.APNsKeyID(), "team_id": h.services.APNsTeamID(), "topic": h.services.APNsTopic()}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/fcm", map[string]any{"service_account": json.RawMessage(h.services.ServiceAccountJSON())}, nil)
	h.call("PUT", "/v1/apps/festival/credentials/webpush", map[string]any{"subject": "mailto:test@usher.example"}, nil)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i := range n {
		x := h.phone(i)
		h.must(enc.Encode(hub.Installation{ID: fmt.Sprintf("phone-%06d", i), Kind: x.Kind, Handle: x.Value, P256dh: x.P256dh, Auth: x.Auth}))
	}
	var done hub.Transfer
	h.call("POST", "/v1/imports?app=festival&format=ndjson", &b, &done)
	if done.Accepted != int64(n) {
		h.t.Fatalf("imported %d of %d: %+v", done.Accepted, n, done)
	}
}

func (h *house) notify() hub.Notification {
	h.t.Helper()
	var n hub.Notification
	h.call("POST", "/v1/notifications", map[string]any{"app": "festival", "template": "alert",
		"properties": map[string]any{"title": "Doors open", "body": "Gate A"}}, &n)
	return n
}

// until polls a notification's report, whatever happens to the server meanwhile.
func (h *house) until(n hub.Notification, what string, good func(hub.Report) bool) hub.Report {
	h.t.Helper()
	var r hub.Report
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		var now hub.Report
		if err := h.try("GET", "/v1/notifications/"+n.ID.String(), nil, &now); err == nil {
			r = now
			if good(r) {
				return r
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Fatalf("%s: not within %s: %+v", what, patience, r)
	return r
}
