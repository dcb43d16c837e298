package webpush_test

import (
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
	"github.com/usherhq/usher/modules/hub/push/webpush"
)

func sender(t testing.TB, s *pushtest.Services) push.Sender {
	t.Helper()
	sender, err := webpush.New(webpush.Config{
		VAPIDPrivateKey: s.VAPIDPrivateKey(), Subject: "mailto:tickets@example.com",
		AllowHosts: []string{s.WebPushHost()}, RootCAs: s.RootCAs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func TestConformance(t *testing.T) { conformance.Run(t, push.WebPush, sender) }

func BenchmarkSend(b *testing.B) { conformance.Bench(b, push.WebPush, sender) }
