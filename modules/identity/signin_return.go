package identity

import (
	"net/url"
	"strings"
	"unicode"
)

// start is where people go who asked for nothing in particular.
const start = "/"

// maxReturn bounds a return path, in bytes.
const maxReturn = 1000

// localPath is the path to go to after a sign-in: as given if every browser takes
// it for a path of ours, otherwise the start.
//
// Browsers are generous: they drop tabs and line ends, read a backslash as a
// slash, and take "//host" for another site. Whatever could be meant that way is
// refused, also when it is escaped.
func localPath(given string) string {
	if len(given) > maxReturn || !strings.HasPrefix(given, "/") {
		return start
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" {
		return start
	}
	plain := u.Path
	for range 3 { // what is escaped twice is unescaped by somebody twice
		next, err := url.PathUnescape(plain)
		if err != nil {
			return start
		}
		plain = next
	}
	if twisted(given) || twisted(plain) || oursToSignIn(plain) {
		return start
	}
	return given
}

// twisted reports what turns a path into something else for some reader. The
// query may hold anything that is printable.
func twisted(s string) bool {
	path, query, _ := strings.Cut(s, "?")
	odd := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' || r == unicode.ReplacementChar
	}
	return strings.Contains(path, "//") || strings.ContainsFunc(path, odd) || strings.ContainsFunc(query, unicode.IsControl) ||
		strings.Contains(query, "\\")
}

// oursToSignIn: coming back to these would go round in a circle.
func oursToSignIn(path string) bool {
	return path == "/sign-in" || path == "/sign-out" || strings.HasPrefix(path, "/auth/") || strings.HasPrefix(path, "/v1/")
}
