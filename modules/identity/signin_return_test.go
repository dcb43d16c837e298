package identity

import (
	"net/url"
	"strings"
	"testing"
)

func TestReturnPathsStayHere(t *testing.T) {
	for _, good := range []string{"/", "/orders", "/orders?page=2&q=a%26b", "/a/b-c_d.e~f", "/caf%C3%A9", "/q?x=http://example.org/", "/q?x=a+b"} {
		if got := localPath(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	for _, bad := range []string{
		"", "orders", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `/\/evil.example`, "/\t/evil.example", "/\n/evil.example",
		"https://evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x", "//evil.example@here", "/%2f/evil.example", "/%2F%2Fevil.example",
		"/%5cevil.example", "/%255c%255cevil.example", "/%252f/evil.example", "/a//evil.example", "/.//evil.example", "/..//evil.example", "/%09/evil.example", "/%0d%0aSet-Cookie:x=y",
		"/a\r\nLocation: //evil.example", "/ /evil.example", "/%00", "/a\u2028b", "/x?\\\\evil", "/x#//evil.example", "/%", "/%zz", "http://[::1", "/" + strings.Repeat("a", maxReturn),
		"/sign-in", "/sign-in?return=/", "/auth/one", "/sign-out", "/v1/apps",
	} {
		if got := localPath(bad); got != start {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// browserTakes is how WHATWG's URL parser sees a Location relative to base: tabs
// and line ends are dropped, spaces and controls trimmed, backslashes are slashes.
func browserTakes(t *testing.T, base, location string) *url.URL {
	t.Helper()
	s := strings.TrimFunc(location, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	path, rest, hasQuery := strings.Cut(s, "?")
	s = strings.ReplaceAll(path, `\`, "/")
	if hasQuery {
		s += "?" + rest
	}
	b, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Parse(s)
	if err != nil {
		return b
	}
	return u
}

func FuzzReturnPath(f *testing.F) {
	for _, s := range []string{"/", "//evil.example", `/\evil`, "/%2f%2fevil", "/\t//evil", "/a?b=c", "https://evil", "/..//evil"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		got := localPath(given)
		if got != start && got != given {
			t.Fatalf("%q was changed to %q", given, got)
		}
		if !strings.HasPrefix(got, "/") || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("%q became %q", given, got)
		}
		for _, read := range []string{got, unescaped(got), unescaped(unescaped(got))} {
			if u := browserTakes(t, "https://usher.example/sign-in", read); u.Host != "usher.example" || u.Scheme != "https" {
				t.Fatalf("%q, read as %q, leads to %s", given, read, u)
			}
		}
	})
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
