package hub

import (
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/push/wire"
)

// Each service's transport is one of two, and a third is named with its field.
func TestTransportSettings(t *testing.T) {
	c := Defaults()
	for _, known := range append(wire.Transports, "") {
		c.Services.APNsTransport, c.Services.FCMTransport, c.Services.WebPushTransport = known, known, known
		if err := c.Validate(); err != nil {
			t.Errorf("%q: %v", known, err)
		}
	}
	for name, field := range map[string]*wire.Transport{
		"apns_transport": &c.Services.APNsTransport, "fcm_transport": &c.Services.FCMTransport, "webpush_transport": &c.Services.WebPushTransport,
	} {
		*field = "quic"
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "hub.services."+name) {
			t.Errorf("%s: %v", name, err)
		}
		*field = wire.Own
	}
}
