package template

import (
	"fmt"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// checkUTF8 refuses a body that is not UTF-8. Errors: fault.Invalid.
func checkUTF8(body []byte) error {
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 {
			return badBody("body", fmt.Sprintf("it is not UTF-8 at byte %d", i+1), "save the template as UTF-8")
		}
		i += size
	}
	return nil
}

// appendJSON appends s as the inside of a JSON string. Bytes that are not UTF-8
// become U+FFFD. Source: RFC 8259, section 7.
func appendJSON(dst []byte, s string) []byte {
	copied := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[copied:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i += size
		copied = i
	}
	return append(dst, s[copied:]...)
}

// appendXML appends s as XML text that may also stand in an attribute.
// Characters that XML cannot hold become U+FFFD. Source: XML 1.0, section 2.2.
func appendXML(dst []byte, s string) []byte {
	for _, r := range s { // a byte that is not UTF-8 ranges as U+FFFD
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\'':
			dst = append(dst, "&apos;"...)
		case r == '\t' || r == '\n' || r == '\r': // an attribute would lose them
			dst = append(dst, '&', '#', 'x', "0123456789ABCDEF"[r], ';')
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// appendURI percent-encodes all but the unreserved characters of RFC 3986,
// section 2.3; the result needs no escaping in JSON or XML.
func appendURI(dst []byte, s string) []byte {
	const upper = "0123456789ABCDEF"
	var buf [utf8.UTFMax]byte
	for _, r := range s {
		if r < utf8.RuneSelf && unreserved(byte(r)) {
			dst = append(dst, byte(r))
			continue
		}
		for _, c := range buf[:utf8.EncodeRune(buf[:], r)] {
			dst = append(dst, '%', upper[c>>4], upper[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~'
}

// clip keeps the first n characters of s.
func clip(s string, n int) string {
	if len(s) <= n { // never fewer bytes than characters
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// clipDotted keeps s if it has at most n characters, else as many as leave room
// for the dots, so that kept+dots has n.
func clipDotted(s string, n int) (kept, dots string) {
	if len(clip(s, n)) == len(s) {
		return s, ""
	}
	dots = "..."[:min(n, 3)]
	return clip(s, n-len(dots)), dots
}
