package conformance

import (
	"context"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// Begun makes a sender that sends by its two halves; see push.Piped.
func Begun(create New) New {
	return func(t testing.TB, s *pushtest.Services) push.Sender {
		t.Helper()
		sender := create(t, s)
		return begun{sender, sender.(push.Piped)}
	}
}

type begun struct {
	push.Sender
	piped push.Piped
}

func (b begun) Send(ctx context.Context, m *push.Message) push.Outcome {
	if wait := b.piped.Begin(ctx, m); wait != nil {
		return wait()
	}
	return b.Sender.Send(ctx, m)
}
