package h2

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// serve starts a server whose handler answers by the path: /echo with the
// body, /size/n with n bytes, /slow after a while, /ignore never.
func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	cfg.Handler = answerByPath
	if cfg.MaxStreams == 0 {
		cfg.MaxStreams = 100
	}
	s := Serve(ln, cfg)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func answerByPath(r *Request, a *Answer) {
	a.Status = 200
	kind, arg, _ := strings.Cut(r.Path[1:], "/")
	switch kind {
	case "echo":
		a.Fields = append(a.Fields, Field{"x-size", strconv.Itoa(r.Size)}, Field{"x-seen", strconv.Itoa(len(r.Get("x-sent")))})
		a.Body = bytes.Clone(r.Body)
	case "size":
		n, _ := strconv.Atoi(arg)
		a.Body = make([]byte, n)
	case "slow":
		a.Delay = 20 * time.Millisecond
	case "ignore":
		a.Action = Ignore
	case "reset":
		a.Action = Reset
	}
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
	}}
}

// TestGoClient: requests, large bodies both ways, and long headers with Go's client.
func TestGoClient(t *testing.T) {
	s := serve(t, Config{})
	c := client()
	defer c.CloseIdleConnections()
	base := "https://" + s.Addr().String()
	long := strings.Repeat("x", 40_000) // needs CONTINUATION
	for _, size := range []int{0, 1, 5000, 3 << 20} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/echo", bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Sent", long)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.ProtoMajor != 2 || len(body) != min(size, MaxBody) ||
			resp.Header.Get("X-Size") != strconv.Itoa(size) || resp.Header.Get("X-Seen") != strconv.Itoa(len(long)) {
			t.Errorf("%d bytes: %v, HTTP/%d, %d bytes back, %s counted", size, err, resp.ProtoMajor, len(body), resp.Header.Get("X-Size"))
		}
	}
	resp, err := c.Get(base + "/size/5000000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != 5_000_000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// peer speaks HTTP/2 frame by frame.
type peer struct {
	t    *testing.T
	conn *tls.Conn
	*http2.Framer
}

func dial(t *testing.T, s *Server, settings ...http2.Setting) *peer {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	p := &peer{t, conn, http2.NewFramer(conn, conn)}
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.must(p.WriteSettings(settings...))
	return p
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) get(id uint32, path string) {
	p.t.Helper()
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block(path), EndHeaders: true, EndStream: true}))
}

func block(path string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return b.Bytes()
}

// next is the next frame that is not housekeeping, in words.
func (p *peer) next() string {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch f := f.(type) {
		case *http2.SettingsFrame, *http2.WindowUpdateFrame:
		case *http2.MetaHeadersFrame:
			return fmt.Sprintf("%d headers %s end=%v", f.StreamID, f.PseudoValue("status"), f.StreamEnded())
		case *http2.DataFrame:
			return fmt.Sprintf("%d data %d end=%v", f.StreamID, len(f.Data()), f.StreamEnded())
		case *http2.RSTStreamFrame:
			return fmt.Sprintf("%d reset %v", f.StreamID, f.ErrCode)
		case *http2.GoAwayFrame:
			return fmt.Sprintf("goaway %d %v", f.LastStreamID, f.ErrCode)
		case *http2.PingFrame:
			return fmt.Sprintf("ping ack=%v %s", f.IsAck(), f.Data)
		}
	}
}

func (p *peer) want(frames ...string) {
	p.t.Helper()
	for _, want := range frames {
		if got := p.next(); got != want {
			p.t.Fatalf("frame %q, want %q", got, want)
		}
	}
}

func TestFlowControl(t *testing.T) {
	s := serve(t, Config{})
	p := dial(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.get(1, "/size/25")
	p.want("1 headers 200 end=false", "1 data 10 end=false")
	p.must(p.WriteWindowUpdate(1, 5))
	p.want("1 data 5 end=false")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 18})) // +8 on open streams
	p.want("1 data 8 end=false")
	p.must(p.WriteWindowUpdate(1, 100))
	p.want("1 data 2 end=true")
	p.get(3, "/size/70000") // more than the connection's window, which those 25 came from
	p.must(p.WriteWindowUpdate(3, 100_000))
	sent := 0
	p.want("3 headers 200 end=false", "3 data 18 end=false")
	for sent = 25 + 18; sent < defaultWindow; {
		var id, n int
		if _, err := fmt.Sscanf(p.next(), "%d data %d end=false", &id, &n); err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	if sent != defaultWindow {
		t.Fatalf("%d bytes sent through a window of %d", sent, defaultWindow)
	}
	p.must(p.WriteWindowUpdate(0, 100_000))
	p.want(fmt.Sprintf("3 data %d end=true", 70_000+25-defaultWindow))
	p.must(p.WriteWindowUpdate(0, maxWindow))
	p.want("goaway 3 FLOW_CONTROL_ERROR")
}

func TestStreamLimitAndResets(t *testing.T) {
	p := dial(t, serve(t, Config{MaxStreams: 2}))
	p.get(1, "/ignore")
	p.get(3, "/ignore")
	p.get(5, "/size/0")
	p.want("5 reset REFUSED_STREAM")
	p.must(p.WriteRSTStream(1, http2.ErrCodeCancel))
	p.get(7, "/size/0")
	p.want("7 headers 200 end=true")
	p.get(9, "/reset")
	p.want("9 reset INTERNAL_ERROR")
	p.get(11, "/slow")
	p.must(p.WriteRSTStream(11, http2.ErrCodeCancel)) // its answer must not come
	p.get(13, "/slow")
	p.want("13 headers 200 end=true")
}

func TestGoAway(t *testing.T) {
	s := serve(t, Config{GoAwayEvery: 2})
	p := dial(t, s)
	p.get(1, "/slow")
	p.get(3, "/size/1")
	p.get(5, "/size/1") // after the goodbye: not served
	p.want("goaway 3 NO_ERROR", "3 headers 200 end=false", "3 data 1 end=true", "1 headers 200 end=true", "EOF")
}

func TestContinuationAndPing(t *testing.T) {
	p := dial(t, serve(t, Config{}))
	b := block("/size/2")
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:3], EndStream: true}))
	p.must(p.WriteContinuation(1, false, b[3:6]))
	p.must(p.WriteContinuation(1, true, b[6:]))
	p.want("1 headers 200 end=false", "1 data 2 end=true")
	p.must(p.WritePing(false, [8]byte{'h', 'e', 'l', 'l', 'o', '1', '2', '3'}))
	p.want("ping ack=true hello123")
}

func TestProtocolErrors(t *testing.T) {
	s := serve(t, Config{})
	for name, tt := range map[string]struct {
		do   func(*peer)
		want string
	}{
		"even stream":  {func(p *peer) { p.get(2, "/") }, "goaway 0 PROTOCOL_ERROR"},
		"stream again": {func(p *peer) { p.get(3, "/size/0"); p.want("3 headers 200 end=true"); p.get(1, "/") }, "goaway 3 PROTOCOL_ERROR"},
		"data nowhere": {func(p *peer) { p.must(p.WriteData(1, true, nil)) }, "goaway 0 PROTOCOL_ERROR"},
		"broken headers": {func(p *peer) {
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true}))
		}, "goaway 1 COMPRESSION_ERROR"},
		"endless headers": {func(p *peer) {
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("/")}))
			for range 5 {
				p.must(p.WriteContinuation(1, false, bytes.Repeat([]byte{0x82}, 15_000)))
			}
		}, "goaway 1 ENHANCE_YOUR_CALM"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, s)
			tt.do(p)
			p.want(tt.want)
		})
	}
}

func TestRefuse(t *testing.T) {
	s := serve(t, Config{})
	c := client()
	defer c.CloseIdleConnections()
	url := "https://" + s.Addr().String() + "/size/0"
	get := func() error {
		resp, err := c.Get(url)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	s.Refuse(true)
	if get() == nil {
		t.Error("answered while refusing")
	}
	s.Refuse(false)
	if err := get(); err != nil {
		t.Errorf("after refusing: %v", err)
	}
}
