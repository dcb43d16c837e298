package webpush

import (
	"strconv"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/clock"
)

func TestVAPIDKey(t *testing.T) {
	private, public, err := GenerateVAPIDKey()
	if err != nil {
		t.Fatal(err)
	}
	if len(decode(t, private)) != 32 || len(decode(t, public)) != 65 {
		t.Errorf("key of %q and %q, want 32 and 65 bytes", private, public)
	}
	if got, err := PublicKey(private); err != nil || got != public {
		t.Errorf("PublicKey = %q, %v, want %q", got, err, public)
	}
	for _, bad := range []string{"", "?", "AAAA", public} {
		_, err := PublicKey(bad)
		wantField(t, bad, err, "vapid_private_key")
	}
	_, err = New(Config{VAPIDPrivateKey: private, Subject: "tickets@example.com"})
	wantField(t, "subject without mailto:", err, "subject")
}

// TestVAPIDTokenIsCached per origin, renewed before its end, and never for ever.
func TestVAPIDTokenIsCached(t *testing.T) {
	private, _, err := GenerateVAPIDKey()
	if err != nil {
		t.Fatal(err)
	}
	c := clock.At(noon)
	v, err := newVAPID(private, "mailto:tickets@example.com", c)
	if err != nil {
		t.Fatal(err)
	}
	header := func(origin string) string {
		t.Helper()
		h, err := v.header(origin)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := header("https://a.example")
	if header("https://a.example") != first {
		t.Error("signed twice for one origin")
	}
	if header("https://b.example") == first {
		t.Error("one token for two origins")
	}
	c.Advance(tokenLife - renewBefore)
	if header("https://a.example") == first {
		t.Error("an old token is still in use")
	}
	for i := range 2 * maxOrigins {
		header("https://" + strconv.Itoa(i) + ".example")
	}
	if len(v.headers) > maxOrigins {
		t.Errorf("%d origins kept, want at most %d", len(v.headers), maxOrigins)
	}
}

func TestTopic(t *testing.T) {
	id := "0192f0c1-7f3a-7c3b-8a44-0123456789ab"
	seen := map[string]bool{}
	for _, m := range []push.Message{{ID: id}, {ID: "not a UUID"}, {ID: id, Collapse: "score"}} {
		topic := topic(&m)
		if len(topic) == 0 || len(topic) > 32 || len(decode(t, topic)) == 0 || seen[topic] {
			t.Errorf("topic %q of %+v, want its own of at most 32 base64url characters", topic, m)
		}
		seen[topic] = true
	}
	if topic(&push.Message{ID: id, Collapse: "score"}) != topic(&push.Message{ID: "other", Collapse: "score"}) {
		t.Error("two messages with one collapse key have two topics")
	}
}

func TestTTL(t *testing.T) {
	for want, expires := range map[int64]time.Time{
		28 * 24 * 3600: {},
		90:             noon.Add(90 * time.Second),
		0:              noon.Add(-time.Hour),
	} {
		if got := ttl(expires, noon); got != want {
			t.Errorf("ttl(%v) = %d, want %d", expires, got, want)
		}
	}
}
