package apns_test

import (
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/apns"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
)

func sender(t testing.TB, s *pushtest.Services) push.Sender {
	t.Helper()
	sender, err := apns.New(apns.Config{
		Endpoint: s.APNsURL(), KeyPEM: s.APNsKeyPEM(), KeyID: s.APNsKeyID(), TeamID: s.APNsTeamID(),
		Topic: s.APNsTopic(), RootCAs: s.RootCAs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func TestConformance(t *testing.T) { conformance.Run(t, push.APNs, sender) }

func BenchmarkSend(b *testing.B) { conformance.Bench(b, push.APNs, sender) }
