package fcm

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/hub/push"
)

// plain appends the request for a message that is a notification's title and body and
// data, nothing else, as the SDK would write it: the payload goes in as it is. It reports
// whether the message is so plain; one that is not, or that is at fault, is the SDK's.
func plain(dst []byte, m *push.Message, now time.Time) ([]byte, bool) {
	members, notified, ok := plainMembers(unwrap(m.Payload))
	tag := m.ID
	if m.Collapse != "" {
		tag = m.Collapse
	}
	if !ok || m.Handle.Value == "" || !simple(m.Handle.Value) || !simple(tag) || m.Priority != "" && m.Priority != push.High && m.Priority != push.Normal {
		return dst, false
	}
	dst = append(dst, `{"message":{`...)
	if len(members) > 0 {
		dst = append(append(dst, members...), ',')
	}
	dst = appendAndroid(append(dst, `"android":{`...), m, now, notified, tag)
	target := "token"
	if m.Handle.Kind == "fcm_fid" {
		target = "fid"
	}
	dst = appendText(append(dst, "},"...), target, m.Handle.Value)
	return append(dst, "}}"...), true
}

// appendAndroid appends the members of message.android; see compose.
func appendAndroid(dst []byte, m *push.Message, now time.Time, notified bool, tag string) []byte {
	start := len(dst)
	next := func() {
		if len(dst) > start {
			dst = append(dst, ',')
		}
	}
	if m.Priority != "" {
		dst = appendText(dst, "priority", string(m.Priority))
	}
	if m.Collapse != "" {
		next()
		dst = appendText(dst, "collapse_key", m.Collapse)
	}
	if !m.Expires.IsZero() {
		next()
		dst = strconv.AppendInt(append(dst, `"ttl":"`...), int64(ttl(m.Expires, now)/time.Second), 10)
		dst = append(dst, `s"`...)
	}
	if notified {
		next()
		dst = append(appendText(append(dst, `"notification":{`...), "tag", tag), '}')
	}
	return dst
}

// appendText appends a member; the text must be simple.
func appendText(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, '"'), name...), `":"`...)
	return append(append(dst, text...), '"')
}

// simple reports whether a text stands for itself in JSON.
func simple(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// plainMembers returns what is between the braces of a plain payload, and whether it has
// a notification.
func plainMembers(payload []byte) (members []byte, notified, ok bool) {
	if !utf8.Valid(payload) {
		return nil, false, false
	}
	s := scanner{rest: payload}
	var seen [2]bool
	ok = s.object(func(name []byte) bool {
		which := 0
		switch string(name) {
		case "notification":
			which = 1
		case "data":
		default:
			return false
		}
		if seen[which] {
			return false
		}
		seen[which] = true
		return s.texts(which == 1)
	})
	s.space()
	if !ok || len(s.rest) > 0 {
		return nil, false, false
	}
	inner := bytes.TrimSpace(payload)
	return bytes.TrimSpace(inner[1 : len(inner)-1]), seen[1], true
}

// scanner reads JSON of the plain kind: objects of objects of texts.
type scanner struct{ rest []byte }

func (s *scanner) space() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\n' || s.rest[0] == '\t' || s.rest[0] == '\r') {
		s.rest = s.rest[1:]
	}
}

// is takes the next character, if it is c.
func (s *scanner) is(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// object takes an object, of which member takes each value.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.is('{') {
		return false
	}
	if s.is('}') {
		return true
	}
	for {
		name, ok := s.text()
		if !ok || !s.is(':') || !member(name) {
			return false
		}
		if !s.is(',') {
			return s.is('}')
		}
	}
}

// maxNames is how many members are compared with each other for repeats.
const maxNames = 16

// texts takes an object of texts whose names differ; those of a notification are title
// and body.
func (s *scanner) texts(notification bool) bool {
	var names [maxNames][]byte
	n := 0
	return s.object(func(name []byte) bool {
		if n == maxNames || !simple(string(name)) || notification && string(name) != "title" && string(name) != "body" {
			return false
		}
		for _, earlier := range names[:n] {
			if bytes.Equal(earlier, name) {
				return false
			}
		}
		names[n] = name
		n++
		_, ok := s.text()
		return ok
	})
}

// text takes a string and returns what is between its quotes.
func (s *scanner) text() ([]byte, bool) {
	if !s.is('"') {
		return nil, false
	}
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text, true
		case c < ' ':
			return nil, false
		case c == '\\':
			if i++; i == len(s.rest) || strings.IndexByte(`"\/bfnrt`, s.rest[i]) < 0 {
				return nil, false // also \u, which may be half a character
			}
		}
	}
	return nil, false
}
