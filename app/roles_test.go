package app

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

// Three processes share the roles: what one takes in, another does. Those without the
// web tell how they are and nothing else.
func TestRolesAreShared(t *testing.T) {
	redis := newRedis(t)
	settings := []string{"database.url=" + dbtest.URL(t), "redis.url=redis-socket://" + redis.socket, "seal.key=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	web := newHouse(t, append(settings, "roles=[web]")...)
	web.festival(20)
	n := web.notify()
	stream := newHouse(t, append(settings, "roles=[stream]")...)
	var before hub.Report
	if web.call("GET", "/v1/notifications/"+n.ID.String(), nil, &before); before.Recorded != 0 {
		t.Errorf("%d outcomes without a worker", before.Recorded)
	}
	worker := newHouse(t, append(settings, "roles=[worker]",
		"hub.services.apns_endpoint="+web.services.APNsURL(), "hub.services.fcm_endpoint="+web.services.FCMURL(), "hub.services.webpush_hosts="+web.services.WebPushHost(),
		"hub.services.ca_file="+web.caFile)...)
	web.until(n, "the worker's work", hub.Report.Finished)
	for _, h := range []*house{stream, worker} {
		for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/": http.StatusNotFound, "/v1/notifications": http.StatusNotFound} {
			res, err := http.Get(h.url + path)
			h.must(err)
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s of a silent process: %s", path, res.Status)
			}
		}
	}
}

func TestRolesNeedStoresToShare(t *testing.T) {
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	for _, c := range []struct {
		roles []string
		want  string
	}{{nil, "is empty"}, {[]string{"web"}, "leaves out worker"}, {[]string{"web", "worker", "stream", "mail"}, "roles"}} {
		cfg.Roles = c.roles
		var said strings.Builder
		explainTo(&said, cfg.Validate())
		if !strings.Contains(said.String(), c.want) {
			t.Errorf("%v: %s", c.roles, &said)
		}
	}
}
