package wicket

import (
	"bytes"
	"net/http"
	"strings"
)

// head is the first part of an ordinary request.
type head struct {
	path, host string
	length     int // of the body
}

const (
	method  = "POST "
	version = " HTTP/1.1\r\n"
	newline = "\r\n"
	ending  = "\r\n\r\n"

	maxLength  = 4 // digits of a Content-Length
	maxHeaders = 40
)

// parse reads raw as exactly one ordinary request. false: net/http must judge it.
func (d *desk) parse(raw []byte) (*http.Request, bool) {
	end := bytes.Index(raw, []byte(ending))
	if end < 0 || !bytes.HasPrefix(raw, []byte(method)) {
		return nil, false
	}
	text := string(raw[:end+len(newline)]) // of which every name and value is a part
	path, lines, ok := strings.Cut(text[len(method):], version)
	if !ok || !d.wicket.paths[path] {
		return nil, false
	}
	h := head{path: path, length: -1}
	clear(d.header)
	if !d.lines(lines, &h) || h.host == "" || h.length < 0 {
		return nil, false
	}
	body := raw[end+len(ending):]
	if len(body) != h.length {
		return nil, false
	}
	return d.request(h, body), true
}

// lines reads header lines, each with its end, into d.header.
func (d *desk) lines(text string, h *head) bool {
	values := make([]string, 0, 12) // of every header; a handler may keep them
	for count := 0; text != ""; count++ {
		line, rest, ok := strings.Cut(text, newline)
		name, value, named := strings.Cut(line, ":")
		if !ok || !named || count == maxHeaders || !plainName(name) {
			return false
		}
		text, value = rest, strings.Trim(value, " \t")
		if !plainValue(value) {
			return false
		}
		name = canonical(name)
		switch d.note(name, value, h) {
		case unusual:
			return false
		case kept:
			if _, twice := d.header[name]; twice {
				return false
			}
			values = append(values, value)
			d.header[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	return true
}

// fate is what becomes of a header.
type fate int

const (
	kept fate = iota
	used
	unusual
)

// note looks at the headers that say how a request is framed.
func (d *desk) note(name, value string, h *head) fate {
	switch name {
	case "Host":
		if h.host != "" || !plainHost(value) {
			return unusual
		}
		h.host = value
		return used
	case "Content-Length":
		if h.length >= 0 || value == "" || len(value) > maxLength {
			return unusual
		}
		h.length = 0
		for _, c := range []byte(value) {
			if c < '0' || c > '9' {
				return unusual
			}
			h.length = 10*h.length + int(c-'0')
		}
		return kept
	case "Connection":
		if !strings.EqualFold(value, "keep-alive") {
			return unusual
		}
	case "Transfer-Encoding", "Te", "Trailer", "Expect", "Upgrade", "Http2-Settings", "Proxy-Connection", "Keep-Alive", "Content-Encoding", "Pragma":
		return unusual
	}
	return kept
}

// plainName takes letters, digits and hyphens.
func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

// plainValue takes what is printable.
func plainValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// plainHost takes a name or address with a port.
func plainHost(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '.' && s[i] != ':' && s[i] != '[' && s[i] != ']' {
			return false
		}
	}
	return s != ""
}

// canonical is a header's name as net/http keeps it, mostly without work.
func canonical(name string) string {
	upper := true
	for i := range len(name) {
		if c := name[i]; upper && c >= 'a' && c <= 'z' || !upper && c >= 'A' && c <= 'Z' {
			return http.CanonicalHeaderKey(name)
		}
		upper = name[i] == '-'
	}
	return name
}
