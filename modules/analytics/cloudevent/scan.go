package cloudevent

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting, so that a body of brackets costs no stack.
const maxDepth = 64

// maxNumber is the most characters of a number: beyond it are numbers that
// PostgreSQL's numeric does not hold, and nobody means.
const maxNumber = 100

// scanner walks over JSON once. It takes what RFC 8259 allows and PostgreSQL's jsonb
// stores: valid UTF-8, no \u0000, surrogates in pairs, numbers of a sane size.
type scanner struct {
	b  []byte
	at int
}

// SyntaxError is a place in JSON that is wrong.
type SyntaxError struct {
	Offset  int // in bytes, from 0
	Problem string
}

// Error says what is wrong where.
func (s *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", s.Problem, s.Offset) }

func (s *scanner) bad(problem string) error { return &SyntaxError{Offset: s.at, Problem: problem} }

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next is the coming byte behind white space; 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at == len(s.b) {
		return 0
	}
	return s.b[s.at]
}

// end checks that nothing follows.
func (s *scanner) end() error {
	if s.next() != 0 || s.at < len(s.b) {
		return s.bad("there is more after the JSON value")
	}
	return nil
}

// value steps over one value and gives its text.
func (s *scanner) value(depth int) (text []byte, err error) {
	c := s.next()
	start := s.at
	switch {
	case depth > maxDepth:
		err = s.bad("the JSON is nested too deeply")
	case c == '{':
		err = s.object(depth, func(_, _ []byte) error { return nil })
	case c == '[':
		err = s.array(func() error { _, err := s.value(depth + 1); return err })
	case c == '"':
		_, err = s.str()
	case c == '-' || '0' <= c && c <= '9':
		err = s.number()
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	case s.at == len(s.b):
		err = s.bad("the JSON ends too early")
	default:
		err = s.bad("a JSON value is expected")
	}
	return s.b[start:s.at], err
}

// object calls member for each name, with its quotes, and value.
func (s *scanner) object(depth int, member func(name, value []byte) error) error {
	s.at++ // {
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		if s.next() != '"' {
			return s.bad("a name in quotes is expected")
		}
		name, err := s.str()
		if err != nil {
			return err
		}
		if s.next() != ':' {
			return s.bad("a colon is expected")
		}
		s.at++
		value, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if err := member(name, value); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// array calls item to step over each value.
func (s *scanner) array(item func() error) error {
	s.at++ // [
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// more steps over a comma, or over the end of an array or object.
func (s *scanner) more(end byte) (bool, error) {
	switch s.next() {
	case ',':
		s.at++
		return true, nil
	case end:
		s.at++
		return false, nil
	}
	return false, s.bad("a comma or " + string(end) + " is expected")
}

func (s *scanner) word(w string) error {
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		return s.bad("a JSON value is expected")
	}
	s.at += len(w)
	return nil
}

// str steps over a string and gives its text with the quotes.
func (s *scanner) str() ([]byte, error) {
	start, ascii := s.at, true
	for s.at++; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			text := s.b[start:s.at]
			if !ascii && !utf8.Valid(text) {
				s.at = start
				return nil, s.bad("a string is not UTF-8")
			}
			return text, nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, s.bad("a control character in a string is not escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, s.bad("a string ends too early")
}

// escape checks what a backslash begins; at stays on its last byte.
func (s *scanner) escape() error {
	s.at++
	if s.at == len(s.b) {
		return s.bad("a string ends too early")
	}
	switch s.b[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
	default:
		return s.bad("a string has an unknown escape")
	}
	r, ok := s.hex(s.at + 1)
	switch {
	case !ok:
		return s.bad("\\u needs four hexadecimal digits")
	case r == 0:
		return s.bad("\\u0000 cannot be stored")
	case !utf16.IsSurrogate(r):
		s.at += 4
		return nil
	}
	if low, ok := s.hex(s.at + 7); ok && s.b[s.at+5] == '\\' && s.b[s.at+6] == 'u' && utf16.DecodeRune(r, low) != utf8.RuneError {
		s.at += 10
		return nil
	}
	return s.bad("half a surrogate pair stands alone")
}

func (s *scanner) hex(at int) (r rune, ok bool) {
	if at+4 > len(s.b) {
		return 0, false
	}
	for _, c := range s.b[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number steps over a number: -? int frac? exp?
func (s *scanner) number() error {
	start := s.at
	if s.b[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.b) && s.b[s.at] == '0' {
		s.at++
	} else if s.digits() == 0 {
		return s.bad("a number needs a digit")
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		if s.at++; s.digits() == 0 {
			return s.bad("a number needs a digit")
		}
	}
	if s.at < len(s.b) && s.b[s.at]|0x20 == 'e' {
		if s.at++; s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		switch n := s.digits(); {
		case n == 0:
			return s.bad("a number needs a digit")
		case n > 3:
			return s.bad("a number is out of range")
		}
	}
	if s.at-start > maxNumber {
		s.at = start
		return s.bad("a number is longer than 100 characters")
	}
	return nil
}

func (s *scanner) digits() (n int) {
	for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
		s.at++
		n++
	}
	return n
}
