package analytics

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/social/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTimelineIsRead(t *testing.T) {
	posts, newest, n, err := readTimeline(sample(t, "timeline.json"))
	if err != nil || n != 3 || newest != "114500000000000003" {
		t.Fatal(newest, n, err)
	}
	if len(posts) != 2 { // one has no text: a picture alone
		t.Fatalf("%+v", posts)
	}
	p := posts[0]
	if p.ID != "https://social.example/users/ana/statuses/114500000000000003" || p.Lang != "en" || p.URL != "https://social.example/@ana/114500000000000003" ||
		!p.At.Equal(time.Date(2026, 6, 1, 11, 58, 30, 250e6, time.UTC)) {
		t.Errorf("%+v", p)
	}
	if p.Text != "Best night ever at #summerfest & the band was great!\nSee you tomorrow" {
		t.Errorf("%q", p.Text)
	}
	if posts[1].Lang != "" || !strings.HasPrefix(posts[1].Text, "long queue\n") {
		t.Errorf("%+v", posts[1])
	}
	if _, _, _, err := readTimeline([]byte(`{"error": "This method requires an authenticated user"}`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestFeedsAreRead(t *testing.T) {
	for _, name := range []string{"feed.rss", "feed.atom"} {
		posts, err := readFeed(sample(t, name))
		if err != nil || len(posts) != 2 {
			t.Fatalf("%s: %+v, %v", name, posts, err)
		}
		p := posts[0]
		if p.ID != "tag:example.org,2026:1" || p.Text != "Doors at seven\nSee you & yours there" || p.Lang != "en-GB" || p.URL != "https://example.org/1" ||
			!p.At.Equal(time.Date(2026, 6, 1, 11, 55, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, err := readFeed([]byte("<html><body>no feed</body></html>")); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestPlainText(t *testing.T) {
	for source, want := range map[string]string{
		"just words":                              "just words",
		"<p>one</p><p>two<br>three</p>":           "one\ntwo\nthree",
		"<script>alert(1)</script>x<style>y":      "x",
		"a &lt;b&gt; &amp; c":                     "a <b> & c",
		`<a href="https://x"><span>in</span></a>`: "in",
	} {
		if got := strings.ReplaceAll(plainText(source), "\n\n", "\n"); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

func TestSignatures(t *testing.T) {
	c := Connector{Name: "hook", Secret: "a secret of twenty characters"}
	now := time.Unix(1_780_000_000, 0)
	body := []byte(`{"posts": []}`)
	sign := func(c Connector, stamp string, body []byte) string {
		return "sha256=" + hex.EncodeToString(c.sign(stamp, body))
	}
	good := sign(c, "1780000000", body)
	// Computed with: printf '1780000000.{"posts": []}' | openssl dgst -sha256 -hmac 'a secret of twenty characters'
	if good != "sha256="+opensslSignature {
		t.Errorf("signature %s", good)
	}
	for _, tc := range []struct {
		name, stamp, signature string
		body                   string
		ok                     bool
	}{
		{"good", "1780000000", good, string(body), true},
		{"without a prefix", "1780000000", strings.TrimPrefix(good, "sha256="), string(body), true},
		{"five minutes old", "1779999700", sign(c, "1779999700", body), string(body), true},
		{"older", "1779999699", sign(c, "1779999699", body), string(body), false},
		{"from the future", "1780000301", sign(c, "1780000301", body), string(body), false},
		{"another body", "1780000000", good, `{"posts":[]}`, false},
		{"another time", "1780000001", good, string(body), false},
		{"another secret", "1780000000", sign(Connector{Secret: "another one of twenty chars"}, "1780000000", body), string(body), false},
		{"no signature", "1780000000", "", string(body), false},
		{"no time", "", good, string(body), false},
		{"no hexadecimal", "1780000000", "sha256=xyz", string(body), false},
	} {
		if err := c.verify(now, tc.stamp, tc.signature, []byte(tc.body)); (err == nil) != tc.ok || err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if err := (Connector{}).verify(now, "1780000000", sign(Connector{}, "1780000000", body), body); err == nil {
		t.Error("a connector without a secret lets in who signs with nothing")
	}
}

func TestSaidTellsTheFix(t *testing.T) {
	if got := said(fault.E("x", fault.Invalid, "it has moved", errors.New("secret detail")).WithFix("change it")); got != "it has moved; change it" {
		t.Error(got)
	}
}

func FuzzSocialFormats(f *testing.F) {
	for _, name := range []string{"timeline.json", "feed.rss", "feed.atom"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		timeline, _, _, _ := readTimeline(body)
		feed, _ := readFeed(body)
		for _, p := range append(timeline, feed...) {
			if p.ID == "" || p.Text == "" || p.At.IsZero() {
				t.Errorf("%+v", p)
			}
		}
	})
}

const opensslSignature = "fd84b3e409885496b8cdcdbfb7ab8ae0653dfee6a2b8c4bd394ad6b1512e391d"
