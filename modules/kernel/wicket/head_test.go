package wicket

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
)

const order = "POST /v1/orders HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer usher_x\r\ncontent-type: application/json\r\n" +
	"Idempotency-Key: a-1\r\nX-Forwarded-For: 10.0.0.7\r\nContent-Length: 12\r\n\r\n{\"event\": 1}"

// Requests that are not quite ordinary, each for one reason.
var unusualRequests = []string{
	"GET /v1/orders HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /v1/orders HTTP/1.0\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/orders?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/elsewhere HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
	"POST http://h/v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nHost: i\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000000000000002\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length : 2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nUpgrade: h2c\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nA: b\r\n c: d\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nA: b\x00\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nA: b\nB: c\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n{}",
	"POST /v1/orders HTTP/1.1\nHost: h\nContent-Length: 2\n\n{}",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}{",
	"POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Le",
	order + order,
}

func testDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{wicket: &Wicket{paths: map[string]bool{"/v1/orders": true}}, header: http.Header{}}
	d.blank = d.common(t.Context(), "127.0.0.1:1")
	return d
}

func TestAnOrdinaryRequestIsRead(t *testing.T) {
	req, ok := testDesk(t).parse([]byte(order))
	if !ok {
		t.Fatal("the ordinary request is none")
	}
	if body, _ := io.ReadAll(req.Body); string(body) != `{"event": 1}` || req.Header.Get("Idempotency-Key") != "a-1" || req.Header.Get("Content-Type") != "application/json" {
		t.Errorf("read %v with %q", req.Header, body)
	}
	agree(t, []byte(order))
}

func TestWhatIsUnusualIsForNetHTTP(t *testing.T) {
	for _, raw := range unusualRequests {
		if _, ok := testDesk(t).parse([]byte(raw)); ok {
			t.Errorf("the wicket reads %q", raw)
		}
	}
}

// agree checks the rule of the house: what the wicket reads, net/http reads the same,
// to the last byte. It reports whether the wicket reads raw.
func agree(t *testing.T, raw []byte) bool {
	t.Helper()
	got, ok := testDesk(t).parse(raw)
	if !ok {
		return false
	}
	in := bufio.NewReader(bytes.NewReader(raw))
	want, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("the wicket reads %q, net/http says %v", raw, err)
	}
	body, err := io.ReadAll(want.Body)
	mine, _ := io.ReadAll(got.Body)
	if err != nil || in.Buffered() > 0 || !bytes.Equal(body, mine) {
		t.Fatalf("of %q net/http reads the body %q, leaves %d bytes, %v; the wicket reads %q", raw, body, in.Buffered(), err, mine)
	}
	if got.Method != want.Method || got.RequestURI != want.RequestURI || got.URL.String() != want.URL.String() || got.Host != want.Host ||
		got.ContentLength != want.ContentLength || got.Proto != want.Proto || got.Close != want.Close || len(want.TransferEncoding) > 0 ||
		!maps.EqualFunc(got.Header, want.Header, slices.Equal) {
		t.Fatalf("%q: net/http reads %+v, the wicket %+v", raw, want, got)
	}
	return true
}

// Requests with some bytes changed, doubled or left out.
func TestWicketAndNetHTTPAgree(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	pieces := []byte("\r\n :;,aZ0-_\x00\x7f\xff\t?#%")
	read := 0
	for range 60_000 {
		raw := []byte(order)
		for range 1 + draw.IntN(3) {
			at := draw.IntN(len(raw))
			switch draw.IntN(4) {
			case 0:
				raw[at] = pieces[draw.IntN(len(pieces))]
			case 1:
				raw = slices.Insert(raw, at, pieces[draw.IntN(len(pieces))])
			case 2:
				raw = slices.Delete(raw, at, at+1)
			case 3:
				to := min(len(raw), at+draw.IntN(40))
				raw = slices.Insert(raw, draw.IntN(len(raw)), bytes.Clone(raw[at:to])...)
			}
		}
		if agree(t, raw) {
			read++
		}
	}
	if read < 5000 {
		t.Errorf("only %d of the changed requests were ordinary: the test looks at nothing", read)
	}
}

func FuzzWicketAndNetHTTPAgree(f *testing.F) {
	f.Add([]byte(order))
	for _, raw := range unusualRequests {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { agree(t, raw) })
}
