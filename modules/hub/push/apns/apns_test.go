package apns_test

import (
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/apns"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

// over makes a sender on one of the transports.
func over(transport wire.Transport) conformance.New {
	return func(t testing.TB, s *pushtest.Services) push.Sender {
		t.Helper()
		sender, err := apns.New(apns.Config{
			Transport: transport,
			Endpoint:  s.APNsURL(), KeyPEM: s.APNsKeyPEM(), KeyID: s.APNsKeyID(), TeamID: s.APNsTeamID(),
			Topic: s.APNsTopic(), RootCAs: s.RootCAs(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return sender
	}
}

func TestConformance(t *testing.T) {
	for _, transport := range wire.Transports {
		t.Run(string(transport), func(t *testing.T) { conformance.Run(t, push.APNs, over(transport)) })
	}
	t.Run("begun", func(t *testing.T) { conformance.Run(t, push.APNs, conformance.Begun(over(wire.Own))) })
}

func BenchmarkSend(b *testing.B) {
	for _, transport := range wire.Transports {
		b.Run(string(transport), func(b *testing.B) { conformance.Bench(b, push.APNs, over(transport)) })
	}
}
