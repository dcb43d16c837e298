package webpush_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/pushtest/conformance"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

func sender(t testing.TB, s *pushtest.Services) push.Sender {
	t.Helper()
	return over(wire.Own)(t, s)
}

// over makes a sender on one of the transports.
func over(transport wire.Transport) conformance.New {
	return func(t testing.TB, s *pushtest.Services) push.Sender {
		t.Helper()
		sender, err := webpush.New(webpush.Config{
			Transport:       transport,
			VAPIDPrivateKey: s.VAPIDPrivateKey(), Subject: "mailto:tickets@example.com",
			AllowHosts: []string{s.WebPushHost()}, RootCAs: s.RootCAs(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return sender
	}
}

func TestConformance(t *testing.T) {
	for _, transport := range wire.Transports {
		t.Run(string(transport), func(t *testing.T) { conformance.Run(t, push.WebPush, over(transport)) })
	}
}

func BenchmarkSend(b *testing.B) {
	for _, transport := range wire.Transports {
		b.Run(string(transport), func(b *testing.B) { conformance.Bench(b, push.WebPush, over(transport)) })
	}
}

// TestEndpointInsideIsNotReached: a subscription that points into our network
// is put aside, and nothing is connected to.
func TestEndpointInsideIsNotReached(t *testing.T) {
	services, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	s, err := webpush.New(webpush.Config{
		VAPIDPrivateKey: services.VAPIDPrivateKey(), Subject: "mailto:tickets@example.com", RootCAs: services.RootCAs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inside := services.Handle(push.WebPush, 1, "")
	byName := inside
	byName.Value = strings.Replace(inside.Value, "127.0.0.1", "localhost", 1)
	for _, h := range []push.Handle{inside, byName} {
		o := s.Send(t.Context(), conformance.Message(h))
		if o.Verdict != push.Quarantine || o.Reason != "forbidden address" {
			t.Errorf("%s: %+v, want quarantine", h.Value, o)
		}
	}
	if n := services.Stats(push.WebPush).Connections; n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	services, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	s := sender(t, services)
	defer s.Close()
	large := conformance.Message(services.Handle(push.WebPush, 1, ""))
	large.Payload = make([]byte, push.WebPush.MaxPayload()+1)
	if o := s.Send(t.Context(), large); o.Verdict != push.Failed {
		t.Errorf("too large: %+v", o)
	}
	malformed := conformance.Message(push.Handle{Kind: "webpush", Value: "https://push.example.net/x", P256dh: "AA", Auth: "AA"})
	if o := s.Send(t.Context(), malformed); o.Verdict != push.Gone {
		t.Errorf("malformed: %+v", o)
	}
}

// TestServiceWithoutHTTP2: a push service of somebody's own, behind an old proxy, is
// reached over HTTP/1.1.
func TestServiceWithoutHTTP2(t *testing.T) {
	var got []string
	old := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %v %d", r.Proto, r.Header.Get("Content-Encoding"), len(body)))
		w.WriteHeader(http.StatusCreated)
	}))
	defer old.Close()
	services, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	host := strings.TrimPrefix(old.URL, "https://")
	s, err := webpush.New(webpush.Config{
		VAPIDPrivateKey: services.VAPIDPrivateKey(), Subject: "mailto:tickets@example.com", AllowHosts: []string{host}, RootCAs: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := conformance.Message(services.Handle(push.WebPush, 1, ""))
	m.Handle.Value = old.URL + "/push/1"
	for range 2 {
		if o := s.Send(t.Context(), m); o.Verdict != push.Delivered {
			t.Fatalf("%+v", o)
		}
	}
	if len(got) != 2 || got[0] != got[1] || !strings.HasPrefix(got[0], "HTTP/1.1 aes128gcm ") {
		t.Errorf("the service saw %q", got)
	}
}
