package fcm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/fcm"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func sender(t testing.TB, s *pushtest.Services) push.Sender {
	t.Helper()
	return over(wire.Own)(t, s)
}

// over makes a sender on one of the transports.
func over(transport wire.Transport) conformance.New {
	return func(t testing.TB, s *pushtest.Services) push.Sender {
		t.Helper()
		sender, err := fcm.New(t.Context(), fcm.Config{
			Transport:          transport,
			ServiceAccountJSON: s.ServiceAccountJSON(), Endpoint: s.FCMURL(), RootCAs: s.RootCAs(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return sender
	}
}

func TestConformance(t *testing.T) {
	for _, transport := range wire.Transports {
		t.Run(string(transport), func(t *testing.T) { conformance.Run(t, push.FCM, over(transport)) })
	}
	t.Run("begun", func(t *testing.T) { conformance.Run(t, push.FCM, conformance.Begun(over(wire.Own))) })
}

func BenchmarkSend(b *testing.B) {
	for _, transport := range wire.Transports {
		b.Run(string(transport), func(b *testing.B) { conformance.Bench(b, push.FCM, over(transport)) })
	}
}

// TestRevokedBearer: FCM refuses the cached bearer, one repeat with a new one
// delivers.
func TestRevokedBearer(t *testing.T) {
	services, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	c := clock.At(clock.System{}.Now())
	s, err := fcm.New(t.Context(), fcm.Config{
		ServiceAccountJSON: services.ServiceAccountJSON(), Endpoint: services.FCMURL(), RootCAs: services.RootCAs(), Clock: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := conformance.Message(services.Handle(push.FCM, 1, ""))
	if o := s.Send(t.Context(), m); o.Verdict != push.Delivered {
		t.Fatalf("%+v", o)
	}
	services.ForgetBearers()
	if o := s.Send(t.Context(), m); o.Verdict != push.Credential {
		t.Errorf("a bearer just fetched was renewed: %+v", o)
	}
	c.Advance(2 * time.Minute)
	before := services.Stats(push.FCM).Requests
	if o := s.Send(t.Context(), m); o.Verdict != push.Delivered {
		t.Errorf("after the revocation: %+v", o)
	}
	if n := services.Stats(push.FCM).Requests - before; n != 2 {
		t.Errorf("%d requests, want the refused one and one repeat", n)
	}
}

// TestSDKDoesNotRepeat: one Send is one request, even on 503.
func TestSDKDoesNotRepeat(t *testing.T) {
	services, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	s := sender(t, services)
	defer s.Close()
	for _, prefix := range []string{"unavailable-", "reset-", "internal-", "quota-"} {
		before := services.Stats(push.FCM).Requests
		s.Send(t.Context(), conformance.Message(services.Handle(push.FCM, 1, prefix)))
		if n := services.Stats(push.FCM).Requests - before; n != 1 {
			t.Errorf("%s made %d requests, want 1", prefix, n)
		}
	}
}

func TestNewNamesTheField(t *testing.T) {
	for _, key := range []string{"", "{}", `{"type":"service_account","project_id":"p"}`} {
		_, err := fcm.New(t.Context(), fcm.Config{ServiceAccountJSON: []byte(key)})
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Code != fault.Invalid || e.Fields[0].Name != "service_account" || e.Fix == "" {
			t.Errorf("%q: %v, want a fault in service_account with a fix", key, err)
		}
	}
}
