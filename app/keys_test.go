package app

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
)

// A device's key registers phones, but neither sends nor says whose phone it is.
func TestADeviceKeyKeepsToDevices(t *testing.T) {
	h := newHouse(t, "access.keys=[{name: phone, secret: listen-listen-listen-1, rights: [listen]}, {name: office, secret: manage-manage-manage-1, rights: [manage]}]")
	handle := h.services.Handle(push.APNs, 1, "").Value
	for _, tc := range []struct {
		name, key, method, path, body string
		status                        int
	}{
		{"nobody", "", "PUT", "/v1/apps/festival", `{"name":"Festival"}`, 401},
		{"an unknown key", "guess-guess-guess-guess", "PUT", "/v1/apps/festival", `{"name":"Festival"}`, 401},
		{"a device makes an app", "listen-listen-listen-1", "PUT", "/v1/apps/festival", `{"name":"Festival"}`, 403},
		{"the office makes one", "manage-manage-manage-1", "PUT", "/v1/apps/festival", `{"name":"Festival"}`, 201},
		{"a device registers", "listen-listen-listen-1", "PUT", "/v1/installations/a", `{"kind":"apns","handle":"` + handle + `"}`, 201},
		{"a device says whose it is", "listen-listen-listen-1", "PUT", "/v1/installations/a", `{"kind":"apns","handle":"` + handle + `","user":"ana"}`, 403},
		{"a device patches whose it is", "listen-listen-listen-1", "PATCH", "/v1/installations/a", `[{"op":"add","path":"/user","value":"ana"}]`, 403},
		{"a device patches its tags", "listen-listen-listen-1", "PATCH", "/v1/installations/a", `[{"op":"add","path":"/tags","value":["vip"]}]`, 200},
		{"the office says whose it is", "manage-manage-manage-1", "PATCH", "/v1/installations/a", `[{"op":"add","path":"/user","value":"ana"}]`, 200},
		{"a device sends", "listen-listen-listen-1", "POST", "/v1/notifications", `{"template":"alert"}`, 403},
	} {
		req, err := http.NewRequest(tc.method, h.url+tc.path, strings.NewReader(tc.body))
		h.must(err)
		req.Header.Set("Content-Type", "application/json")
		if tc.key != "" {
			req.Header.Set("Authorization", "Bearer "+tc.key)
		}
		res, err := http.DefaultClient.Do(req)
		h.must(err)
		_ = res.Body.Close()
		if res.StatusCode != tc.status {
			t.Errorf("%s: %d, want %d", tc.name, res.StatusCode, tc.status)
		}
	}
}
