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
