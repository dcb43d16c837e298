package fcm_test

import (
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/fcm"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
)

func sender(t testing.TB, s *pushtest.Services) push.Sender {
	t.Helper()
	sender, err := fcm.New(t.Context(), fcm.Config{
		ServiceAccountJSON: s.ServiceAccountJSON(), Endpoint: s.FCMURL(), RootCAs: s.RootCAs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func TestConformance(t *testing.T) { conformance.Run(t, push.FCM, sender) }

func BenchmarkSend(b *testing.B) { conformance.Bench(b, push.FCM, sender) }
