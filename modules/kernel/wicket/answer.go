package wicket

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answer gathers what a handler answers, to be sent at once. It is an http.ResponseWriter.
type answer struct {
	header http.Header
	status int
	body   []byte
	out    []byte
}

// mostKept bounds the buffers that a connection keeps for its next answer, in bytes.
const mostKept = 8 << 10

func (a *answer) reset() {
	clear(a.header)
	a.status = 0
	a.body, a.out = a.body[:0], a.out[:0]
	if cap(a.body) > mostKept || cap(a.out) > mostKept {
		a.body, a.out = nil, nil
	}
}

// Header is http.ResponseWriter's.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader is http.ResponseWriter's. The first status counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 { // what only informs is not for ordinary requests
		a.status = status
	}
}

// Write is http.ResponseWriter's.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.bodied() {
		return 0, http.ErrBodyNotAllowed
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// bodied reports whether an answer of this status has a body.
func (a *answer) bodied() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// closes reports whether the handler wants the connection closed.
func (a *answer) closes() bool { return strings.EqualFold(a.header.Get("Connection"), "close") }

// finish is the whole answer as it goes over the wire. last: the connection ends with it.
func (a *answer) finish(last bool) []byte {
	a.WriteHeader(http.StatusOK)
	b := strconv.AppendInt(append(a.out, "HTTP/1.1 "...), int64(a.status), 10)
	b = append(append(append(b, ' '), http.StatusText(a.status)...), newline...)
	if a.header["Date"] == nil {
		b = appendLine(b, "Date", date())
	}
	if a.header["Content-Type"] == nil && len(a.body) > 0 {
		b = appendLine(b, "Content-Type", http.DetectContentType(a.body))
	}
	if last && !a.closes() {
		b = appendLine(b, "Connection", "close")
	}
	for name, values := range a.header {
		if name == "Content-Length" || name == "Transfer-Encoding" {
			continue // the length is what there is
		}
		for _, v := range values {
			b = appendLine(b, name, v)
		}
	}
	if a.bodied() {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(a.body)), 10), newline...)
	}
	a.out = append(append(b, newline...), a.body...)
	return a.out
}

// oneLine keeps a value in its line.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ")

func appendLine(b []byte, name, value string) []byte {
	if !plainName(name) {
		return b // net/http leaves such a header out too
	}
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		value = oneLine.Replace(value)
	}
	return append(append(append(append(b, name...), ": "...), value...), newline...)
}

// stamp is a second and how the header Date writes it.
type stamp struct {
	second int64
	text   string
}

var lastStamp atomic.Pointer[stamp]

// date is the present second for the header Date.
func date() string {
	now := time.Now()
	if s := lastStamp.Load(); s != nil && s.second == now.Unix() {
		return s.text
	}
	s := &stamp{now.Unix(), now.UTC().Format(http.TimeFormat)}
	lastStamp.Store(s)
	return s.text
}
