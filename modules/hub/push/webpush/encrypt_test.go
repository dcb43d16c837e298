package webpush

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	rfcKey  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	rfcAuth = "BTBZMqHH6r4Tts7J_aSIgg"
)

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC8291AppendixA: the RFC's example, byte by byte.
func TestRFC8291AppendixA(t *testing.T) {
	sub, err := parseSubscription("test", "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", rfcKey, rfcAuth)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := ecdh.P256().NewPrivateKey(decode(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal(sub, []byte("When I grow up, I want to be a watermelon"), sender, decode(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	if !bytes.Equal(got, want) {
		t.Errorf("sealed\n%x, want\n%x", got, want)
	}
}

// TestLargestMessageFillsARecord: MaxPayload is exactly what fits.
func TestLargestMessageFillsARecord(t *testing.T) {
	sub, err := parseSubscription("test", "https://push.example.net/x", rfcKey, rfcAuth)
	if err != nil {
		t.Fatal(err)
	}
	body, err := encrypt(sub, make([]byte, push.WebPush.MaxPayload()))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) != recordSize {
		t.Errorf("the largest message makes %d bytes, want %d", len(body), recordSize)
	}
	again, err := encrypt(sub, make([]byte, push.WebPush.MaxPayload()))
	if err != nil || bytes.Equal(body, again) {
		t.Error("two messages share salt and key")
	}
}

func TestValidateSubscription(t *testing.T) {
	good := "https://push.example.net/x"
	for _, tt := range []struct{ name, endpoint, key, auth, field string }{
		{"good", good, rfcKey, rfcAuth, ""},
		{"padded", good, rfcKey + "=", rfcAuth + "==", ""},
		{"http", "http://push.example.net/x", rfcKey, rfcAuth, "endpoint"},
		{"file", "file:///etc/passwd", rfcKey, rfcAuth, "endpoint"},
		{"no host", "https:///x", rfcKey, rfcAuth, "endpoint"},
		{"user", "https://user@push.example.net/x", rfcKey, rfcAuth, "endpoint"},
		{"control character", "https://push.example.net/\n", rfcKey, rfcAuth, "endpoint"},
		{"long", good + string(make([]byte, 3000)), rfcKey, rfcAuth, "endpoint"},
		{"point not on the curve", good, rfcKey[:80] + "AAAAAAA", rfcAuth, "p256dh"},
		{"key not base64", good, "?", rfcAuth, "p256dh"},
		{"short secret", good, rfcKey, "BTBZ", "auth"},
	} {
		err := ValidateSubscription(tt.endpoint, tt.key, tt.auth)
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		wantField(t, tt.name, err, tt.field)
	}
}

func wantField(t *testing.T, name string, err error, field string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != field || e.Fix == "" {
		t.Errorf("%s: %v, want a fault in %q with a fix", name, err, field)
	}
}

func FuzzSubscription(f *testing.F) {
	f.Add("https://push.example.net/x", rfcKey, rfcAuth)
	f.Add("https://[::1]:0/", "", "")
	f.Fuzz(func(t *testing.T, endpoint, key, auth string) {
		sub, err := parseSubscription("test", endpoint, key, auth)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("error %v, want an invalid field", err)
			}
			return
		}
		if sub.endpoint.Scheme != "https" || sub.endpoint.Host == "" || len(sub.auth) != authSize {
			t.Fatalf("accepted %q", endpoint)
		}
	})
}
