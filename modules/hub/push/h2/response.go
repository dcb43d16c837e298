package h2

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var (
	errMalformed = errors.New("h2: the answer is malformed")
	errTooLarge  = errors.New("h2: the answer's header is too large")
)

// malformed is the end of a stream whose answer breaks RFC 9113, 8.
func (st *stream) malformed() error {
	return http2.StreamError{StreamID: st.id, Code: errProtocol, Cause: errMalformed}
}

// take takes a whole header block: an interim answer's, which nobody asked for,
// the final one's, or the trailers. The caller holds mu.
func (st *stream) take(b *headBlock) error {
	a := &st.answer
	if a.heads += b.size; a.heads > b.max {
		return http2.StreamError{StreamID: st.id, Code: errCalm, Cause: errTooLarge}
	}
	if a.status != 0 {
		if !b.last || !regular(b.fields) {
			return st.malformed()
		}
		a.trailer = append(a.trailer, b.fields...)
		return nil
	}
	status := statusOf(b.fields)
	if status == 0 || !regular(b.fields[1:]) {
		return st.malformed()
	}
	if status < 200 {
		if b.last || status == http.StatusSwitchingProtocols { // which HTTP/2 does not have
			return st.malformed()
		}
		return nil
	}
	a.status = status
	a.fields = append(a.fields[:0], b.fields[1:]...)
	return st.readLength()
}

// statusOf is the status of a block that begins with it, and 0 of any other.
func statusOf(fields []hpack.HeaderField) int {
	if len(fields) == 0 || fields[0].Name != ":status" || len(fields[0].Value) != 3 {
		return 0
	}
	n, err := strconv.Atoi(fields[0].Value)
	if err != nil || n < 100 {
		return 0
	}
	return n
}

// regular reports whether the fields are what RFC 9113, 8.2, allows: no
// pseudo-header, no capitals, nothing that speaks of a connection.
func regular(fields []hpack.HeaderField) bool {
	for i := range fields {
		f := &fields[i]
		switch f.Name {
		case "", "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return false
		}
		if !lower(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) {
			return false
		}
	}
	return true
}

func lower(name string) bool {
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || c == '-' || '0' <= c && c <= '9' {
			continue // nearly all
		}
		if 'A' <= c && c <= 'Z' || !httpguts.IsTokenRune(rune(c)) {
			return false
		}
	}
	return true
}

// readLength keeps what the answer says of its body's length.
func (st *stream) readLength() error {
	for i := range st.fields {
		if st.fields[i].Name != "content-length" {
			continue
		}
		n, err := strconv.ParseUint(st.fields[i].Value, 10, 62)
		if err != nil || st.declared >= 0 && st.declared != int64(n) {
			return st.malformed()
		}
		st.declared = int64(n)
	}
	return nil
}

// checkLength compares a whole body with what the answer said of it: RFC 9113, 8.1.1.
func (st *stream) checkLength() error {
	bodiless := st.head || st.status == http.StatusNoContent || st.status == http.StatusNotModified
	switch {
	case st.status == 0:
		return st.malformed()
	case st.declared >= 0 && st.declared != st.received && !(bodiless && st.received == 0):
		return st.malformed()
	}
	return nil
}

// response is the answer as net/http has it.
func (st *stream) response(req *http.Request) *http.Response {
	resp := &http.Response{
		Status: statusLine(st.status), StatusCode: st.status,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: header(st.fields), ContentLength: st.received, Body: http.NoBody,
		Request: req, TLS: st.conn.tls,
	}
	if len(st.trailer) > 0 {
		resp.Trailer = header(st.trailer)
	}
	if st.cut != nil {
		resp.ContentLength = st.declared
	} else if st.head && st.declared >= 0 {
		resp.ContentLength = st.declared
	}
	if len(st.data) > 0 || st.cut != nil {
		resp.Body = &body{st.data, st.cut}
	}
	return resp
}

func statusLine(status int) string {
	switch status {
	case http.StatusOK:
		return "200 OK"
	case http.StatusCreated:
		return "201 Created"
	}
	return strconv.Itoa(status) + " " + http.StatusText(status)
}

func header(fields []hpack.HeaderField) http.Header {
	h := make(http.Header, len(fields))
	values := make([]string, len(fields))
	for i := range fields {
		key := canonical(fields[i].Name)
		if earlier, ok := h[key]; ok {
			h[key] = append(earlier, fields[i].Value)
			continue
		}
		values[i] = fields[i].Value
		h[key] = values[i : i+1 : i+1]
	}
	return h
}

// canonical knows what net/http would make anew each time.
func canonical(name string) string {
	switch name {
	case "apns-id":
		return "Apns-Id"
	case "apns-unique-id":
		return "Apns-Unique-Id"
	}
	return http.CanonicalHeaderKey(name)
}

// body is what has come of an answer's body, and why it ends there.
type body struct {
	rest []byte
	end  error // nil: it is whole
}

func (b *body) Read(p []byte) (int, error) {
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) > 0 || n > 0 && b.end == nil {
		return n, nil
	}
	if b.end != nil {
		return n, b.end
	}
	return n, io.EOF
}

func (b *body) Close() error { return nil }
