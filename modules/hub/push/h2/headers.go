package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// How a request's field is sent.
type manner uint8

const (
	indexed manner = iota // repeats: from the second time on it is one byte
	literal               // differs from request to request, or is a secret
	omitted               // has no place in HTTP/2 (RFC 9113, 8.2.2), or is ours to say
)

// field is what is known of a field's name.
type field struct {
	name   string // as it is sent
	manner manner
	index  uint64 // of the name in HPACK's static table; 0: not there
}

var (
	fieldPath   = field{":path", literal, 4}
	fieldLength = field{"content-length", literal, 28}
)

// known are the names that push services see, in the form of http.Header. What is
// not here is sent as indexed, which is right for all that repeats.
var known = map[string]field{
	"Authorization":       {"authorization", literal, 23},
	"Apns-Id":             {"apns-id", literal, 0},
	"Apns-Collapse-Id":    {"apns-collapse-id", literal, 0},
	"Topic":               {"topic", literal, 0},
	"Ttl":                 {"ttl", literal, 0},
	"Crypto-Key":          {"crypto-key", literal, 0},
	"Encryption":          {"encryption", literal, 0},
	"Apns-Topic":          {"apns-topic", indexed, 0},
	"Apns-Priority":       {"apns-priority", indexed, 0},
	"Apns-Expiration":     {"apns-expiration", indexed, 0},
	"Apns-Push-Type":      {"apns-push-type", indexed, 0},
	"Content-Type":        {"content-type", indexed, 0},
	"Content-Encoding":    {"content-encoding", indexed, 0},
	"Urgency":             {"urgency", indexed, 0},
	"User-Agent":          {"user-agent", indexed, 0},
	"X-Firebase-Client":   {"x-firebase-client", indexed, 0},
	"X-Goog-Api-Client":   {"x-goog-api-client", indexed, 0},
	"X-Goog-User-Project": {"x-goog-user-project", indexed, 0},
	"Content-Length":      {manner: omitted},
	"Host":                {manner: omitted},
	"Connection":          {manner: omitted},
	"Proxy-Connection":    {manner: omitted},
	"Keep-Alive":          {manner: omitted},
	"Transfer-Encoding":   {manner: omitted},
	"Upgrade":             {manner: omitted},
	"Te":                  {manner: omitted},
	"Expect":              {manner: omitted},
}

func fieldOf(key string) field {
	if f, ok := known[key]; ok {
		return f
	}
	if f, ok := known[http.CanonicalHeaderKey(key)]; ok {
		return f
	}
	return field{name: strings.ToLower(key)}
}

// userAgent is who we are, where the request does not say it.
const userAgent = "usher"

// prepare reads and checks a request, closes its body, and encodes what does not
// depend on the connection.
func (r *request) prepare(req *http.Request) error {
	if err := r.readBody(req); err != nil {
		return err
	}
	if err := r.drawUp(req); err != nil {
		return err
	}
	r.path = r.literal(r.path[:0], fieldPath, req.URL.RequestURI())
	if len(r.body) > 0 || r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
		r.literals = r.literal(r.literals, fieldLength, strconv.Itoa(len(r.body)))
	}
	return nil
}

// drawUp encodes all of a request but its path and what speaks of its body.
func (r *request) drawUp(req *http.Request) error {
	if err := checkForm(req); err != nil {
		return err
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	var err error
	if r.authority, err = httpguts.PunycodeHostPort(host); err != nil || !httpguts.ValidHostHeader(r.authority) {
		return fmt.Errorf("h2: %q is not a host", host)
	}
	r.method = req.Method
	if r.method == "" {
		r.method = http.MethodGet
	}
	r.head = r.method == http.MethodHead
	r.listSize = len(":method:scheme:authorityhttps") + len(r.method) + len(r.authority) + 3*fieldOverhead
	if _, said := req.Header["User-Agent"]; !said {
		r.add(fieldOf("User-Agent"), userAgent)
	}
	return r.addAll(req.Header)
}

// checkForm finds requests that this transport does not carry.
func checkForm(req *http.Request) error {
	switch {
	case req.URL == nil || req.URL.Scheme != "https" || req.URL.Host == "":
		return errors.New("h2: the URL is not an https:// URL with a host")
	case req.Method == http.MethodConnect || !validToken(req.Method):
		return fmt.Errorf("h2: method %q is not supported", req.Method)
	case len(req.Trailer) > 0:
		return errors.New("h2: trailers of a request are not supported")
	case req.URL.Opaque != "" && !strings.HasPrefix(req.URL.Opaque, "/"):
		return errors.New("h2: the URL has no path")
	}
	return nil
}

func validToken(method string) bool { return method == "" || httpguts.ValidHeaderFieldName(method) }

func (r *request) addAll(h http.Header) error {
	for key, values := range h {
		f := fieldOf(key)
		if f.manner == omitted {
			continue
		}
		if !httpguts.ValidHeaderFieldName(key) {
			return fmt.Errorf("h2: %q is not a header field's name", key)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("h2: the value of header field %q has characters that it may not have", key)
			}
			if key != "User-Agent" || v != "" { // an empty one asks for none
				r.add(f, v)
			}
		}
	}
	return nil
}

func (r *request) add(f field, value string) {
	if f.manner == literal {
		r.literals = r.literal(r.literals, f, value)
		return
	}
	r.listSize += len(f.name) + len(value) + fieldOverhead
	r.constant = append(r.constant, hpack.HeaderField{Name: f.name, Value: value})
}

// fieldOverhead is added to each field's size: RFC 9113, 6.5.2.
const fieldOverhead = 32

// literal appends a field without indexing (RFC 7541, 6.2.2), its strings as they
// are: Huffman's code would save a quarter of the bytes for ten times the work.
func (r *request) literal(dst []byte, f field, value string) []byte {
	r.listSize += len(f.name) + len(value) + fieldOverhead
	dst = appendInt(dst, 4, f.index)
	if f.index == 0 {
		dst = append(appendInt(dst, 7, uint64(len(f.name))), f.name...)
	}
	return append(appendInt(dst, 7, uint64(len(value))), value...)
}

// appendInt appends an integer with a prefix of n bits, the others 0: RFC 7541, 5.1.
func appendInt(dst []byte, n uint, i uint64) []byte {
	most := uint64(1)<<n - 1
	if i < most {
		return append(dst, byte(i))
	}
	dst = append(dst, byte(most))
	for i -= most; i >= 1<<7; i >>= 7 {
		dst = append(dst, byte(i)|1<<7)
	}
	return append(dst, byte(i))
}

// encode writes the request's fields to the connection's block. Those that go
// through the table come first, so that a change of its size does: RFC 7541, 4.2.
// The caller holds mu.
func (c *conn) encode(r *request) {
	if c.reprint(r) {
		return
	}
	table := c.table
	c.field(":method", r.method)
	c.field(":scheme", "https")
	c.field(":authority", r.authority)
	pseudo := c.block.Len()
	c.block.Write(r.path)
	fields := c.block.Len()
	for i := range r.constant {
		c.field(r.constant[i].Name, r.constant[i].Value)
	}
	if r.form != nil && c.table == table {
		b := c.block.Bytes()
		c.keepPrint(r.form, b[:pseudo], b[fields:])
	}
	c.block.Write(r.literals)
}

// field writes a field that goes through the table, and counts the table's changes: all
// but an indexed field (RFC 7541, 6.1) is one, or may be.
func (c *conn) field(name, value string) {
	at := c.block.Len()
	_ = c.enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	if c.block.Bytes()[at]&0x80 == 0 {
		c.table++
	}
}

// readBody reads a request's body whole and closes it.
func (r *request) readBody(req *http.Request) (err error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	defer func() { _ = req.Body.Close() }()
	if req.ContentLength > MaxRequest {
		return fmt.Errorf("h2: the request's body is %d bytes, at most %d are sent", req.ContentLength, MaxRequest)
	}
	for {
		if len(r.body) == cap(r.body) {
			r.body = append(r.body, 0)[:len(r.body)]
		}
		n, err := req.Body.Read(r.body[len(r.body):cap(r.body)])
		r.body = r.body[:len(r.body)+n]
		switch {
		case len(r.body) > MaxRequest:
			return fmt.Errorf("h2: the request's body is longer than %d bytes", MaxRequest)
		case err == io.EOF && req.ContentLength > 0 && req.ContentLength != int64(len(r.body)):
			return fmt.Errorf("h2: the request's body has %d bytes, its length says %d", len(r.body), req.ContentLength)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// hostPort is where a URL's host is reached.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	host := u.Hostname()
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		host = ascii
	}
	return net.JoinHostPort(host, port)
}
