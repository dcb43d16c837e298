package h2

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"
)

// apnsHeader is what a message's header consists of: what repeats and what does not.
func apnsHeader(i int) []string {
	return []string{
		"Apns-Topic", "app.usher.demo", "Apns-Push-Type", "alert", "Apns-Priority", "10", "Content-Type", "application/json",
		"Apns-Id", fmt.Sprintf("%036d", i), "Apns-Collapse-Id", fmt.Sprintf("%036d", i), "Authorization", fmt.Sprintf("bearer %040d", i),
	}
}

// headers reads the next request's header block as it is, and answers it.
func (p *peer) headers(c *call) *http2.HeadersFrame {
	p.t.Helper()
	p.ReadMetaHeaders = nil
	for {
		f, err := p.ReadFrame()
		p.must(err)
		if f, ok := f.(*http2.HeadersFrame); ok {
			p.ok(f.StreamID, "")
			c.want(200, "")
			return f
		}
	}
}

// TestWhatRepeatsIsAByte: what messages share goes through the header table and is
// one byte each from the second on; what differs leaves the table alone, however
// many messages there are.
func TestWhatRepeatsIsAByte(t *testing.T) {
	r := newRig(t, Config{})
	p := (*peer)(nil)
	sizes := map[int]int{}
	var fields []hpack.HeaderField
	dec := hpack.NewDecoder(4096, func(f hpack.HeaderField) { fields = append(fields, f) })
	for i := range 200 {
		c := r.send(fmt.Sprintf("/3/device/%064d", i), "{}", apnsHeader(i)...)
		if p == nil {
			p = r.accept()
		}
		f := p.headers(c)
		block := f.HeaderBlockFragment()
		sizes[len(block)]++
		fields = nil
		if _, err := dec.Write(block); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, f := range fields {
			got[f.Name] = f.Value
		}
		want := apnsHeader(i)
		for k := 0; k < len(want); k += 2 {
			if got[strings.ToLower(want[k])] != want[k+1] {
				t.Fatalf("message %d: %v", i, got)
			}
		}
		if got[":path"] != fmt.Sprintf("/3/device/%064d", i) {
			t.Fatal(got[":path"])
		}
	}
	literals := 3 + 74 + 2*36 + len("apns-id") + len("apns-collapse-id") + 2*3 + 47 + 3 + 1 + 3
	for size, n := range sizes {
		if n != 1 && size > literals+10 {
			t.Errorf("%d messages have a header of %d bytes; what differs is %d", n, size, literals)
		}
	}
	if len(sizes) != 2 {
		t.Errorf("header sizes %v: the first should differ from all others, which are alike", sizes)
	}
}

// TestHeaderTableChanges: the peer's table may shrink to nothing and grow again
// between any two requests.
func TestHeaderTableChanges(t *testing.T) {
	r := newRig(t, Config{})
	p := (*peer)(nil)
	dec := hpack.NewDecoder(4096, nil)
	for i, size := range []uint32{4096, 0, 4096, 100, 1 << 20, 60, 0} {
		if p != nil {
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: size}))
			p.awaitAck()
			dec.SetAllowedMaxDynamicTableSize(size)
		}
		for range 3 {
			c := r.send("/1", "", apnsHeader(i)...)
			if p == nil {
				p = r.accept()
			}
			f := p.headers(c)
			fields, err := dec.DecodeFull(f.HeaderBlockFragment())
			if err != nil {
				t.Fatalf("with a table of %d: %v", size, err)
			}
			if len(fields) != 12 || fields[0].Value != "GET" {
				t.Fatalf("with a table of %d: %v", size, fields)
			}
		}
	}
}

func (p *peer) awaitAck() {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		p.must(err)
		if s, ok := f.(*http2.SettingsFrame); ok && s.IsAck() {
			return
		}
	}
}

// TestLongHeader: a header longer than a frame continues in others, and one longer
// than the peer takes is not sent.
func TestLongHeader(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "x", "X-Long", strings.Repeat("x", 100_000), "Topic", strings.Repeat("y", 40_000))
	p := r.accept()
	p.MaxHeaderListSize = 1 << 20
	p.ReadMetaHeaders.SetMaxStringLength(1 << 20)
	p.want("1 POST /1 end=false", "1 data 1 end=true")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 300}))
	p.ok(1, "")
	c.want(200, "")
	r.send("/2", "", "X-Long", strings.Repeat("x", 300)).fails("takes at most 300")
	c = r.send("/3", "")
	p.want("3 GET /3 end=true")
	p.ok(3, "")
	c.want(200, "")
}

type tracked struct {
	io.Reader

	closed bool
}

func (b *tracked) Close() error { b.closed = true; return nil }

// TestBadRequests: what cannot be sent is said, and its body closed.
func TestBadRequests(t *testing.T) {
	tr := New(Config{})
	defer tr.Close()
	ok, _ := url.Parse("https://127.0.0.1:1/")
	plain, _ := url.Parse("http://127.0.0.1:1/")
	for name, change := range map[string]func(*http.Request){
		"no TLS":              func(r *http.Request) { r.URL = plain },
		"no URL":              func(r *http.Request) { r.URL = &url.URL{} },
		"CONNECT":             func(r *http.Request) { r.Method = "CONNECT" },
		"a method with space": func(r *http.Request) { r.Method = "GET /" },
		"a bad name":          func(r *http.Request) { r.Header["X Y"] = []string{"1"} },
		"a bad value":         func(r *http.Request) { r.Header["X"] = []string{"1\r\n2"} },
		"a bad host":          func(r *http.Request) { r.Host = "a b" },
		"trailers":            func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"a short body":        func(r *http.Request) { r.ContentLength = 100 },
		"a huge body":         func(r *http.Request) { r.Body.(*tracked).Reader = io.LimitReader(zeros{}, MaxRequest+1) },
		"a huge length":       func(r *http.Request) { r.ContentLength = MaxRequest + 1 },
		"a broken body":       func(r *http.Request) { r.Body.(*tracked).Reader = broken{} },
	} {
		body := &tracked{Reader: strings.NewReader("body")}
		req := &http.Request{Method: "POST", URL: ok, Header: http.Header{}, Body: body, ContentLength: -1}
		change(req)
		if _, err := tr.RoundTrip(req); err == nil || strings.Contains(err.Error(), "dial") {
			t.Errorf("%s: %v", name, err)
		}
		if !body.closed {
			t.Errorf("%s: the body is open", name)
		}
	}
}

type (
	zeros  struct{}
	broken struct{}
)

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
func (broken) Read([]byte) (int, error)  { return 0, errors.New("broken") }

// TestLiteral: what is encoded as it is decodes to itself, and leaves no trace.
func TestLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]field{fieldPath, fieldLength, known["Authorization"], known["Apns-Id"], known["Ttl"]}).Draw(t, "field")
		value := rapid.StringN(0, 5000, 20_000).Draw(t, "value")
		var r request
		b := r.literal(nil, f, value)
		dec := hpack.NewDecoder(4096, nil)
		fields, err := dec.DecodeFull(b)
		if err != nil || len(fields) != 1 || fields[0].Name != f.name || fields[0].Value != value {
			t.Fatalf("%v, %v", fields, err)
		}
		if _, err := dec.DecodeFull([]byte{0x80 | 62}); err == nil {
			t.Fatal("it went into the table")
		}
		if int(fields[0].Size()) != r.listSize {
			t.Fatalf("counted as %d, is %d", r.listSize, fields[0].Size())
		}
	})
}
