package h2

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// patience bounds what must not hang for ever; nothing is timed against it.
const patience = 20 * time.Second

// rig is a transport and a server whose every frame the test writes.
type rig struct {
	*Transport

	t    *testing.T
	ln   net.Listener
	tls  *tls.Config
	base string
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	ts.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	cfg.TLS = tlsFor(roots)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, ln: ln, base: "https://" + ln.Addr().String(), Transport: New(cfg),
		tls: &tls.Config{Certificates: ts.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12},
	}
	t.Cleanup(func() {
		_ = ln.Close()
		r.mu.Lock()
		for _, p := range r.pools { // what a failed test left behind
			for _, c := range slices.Concat(p.conns, p.leaving) {
				c.fail(errors.New("the test is over"))
			}
		}
		r.mu.Unlock()
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Close hangs")
		}
	})
	return r
}

// call is a request under way.
type call struct {
	t      *testing.T
	cancel context.CancelFunc
	resp   *http.Response
	body   string
	err    error // of the round trip
	cut    error // of the body
	done   chan struct{}
}

// send starts a request: POST with a body, or GET without.
func (r *rig) send(path, body string, header ...string) *call {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	method, reader := "GET", io.Reader(nil)
	if body != "" {
		method, reader = "POST", strings.NewReader(body)
	}
	if m, rest, ok := strings.Cut(path, " "); ok {
		method, path = m, rest
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, reader)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := &call{t: r.t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer cancel()
		if c.resp, c.err = r.RoundTrip(req); c.err == nil {
			var b []byte
			b, c.cut = io.ReadAll(c.resp.Body)
			c.body = string(b)
		}
	}()
	return c
}

// waiting blocks until n requests have no stream.
func (r *rig) waiting(n int) {
	r.t.Helper()
	r.until(func() bool {
		got := 0
		for _, p := range r.pools {
			got += len(p.waiting)
		}
		return got == n
	})
}

// until blocks until the transport's state is as wanted.
func (r *rig) until(state func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		ok := state()
		r.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			r.t.Fatal("the transport does not get there")
		}
	}
}

func (c *call) wait() {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(2 * patience):
		c.t.Fatal("the request has no end")
	}
}

// want checks the answer.
func (c *call) want(status int, body string) {
	c.t.Helper()
	c.wait()
	switch {
	case c.err != nil:
		c.t.Fatalf("no answer: %v, want %d", c.err, status)
	case c.cut != nil:
		c.t.Fatalf("the body ends with %v", c.cut)
	case c.resp.StatusCode != status || c.body != body:
		c.t.Fatalf("%d %.80q, want %d %.80q", c.resp.StatusCode, c.body, status, body)
	}
}

// fails checks that the request has no answer.
func (c *call) fails(part string) {
	c.t.Helper()
	c.wait()
	if c.err == nil || !strings.Contains(c.err.Error(), part) {
		c.t.Fatalf("error %v, want one with %q", c.err, part)
	}
}

// peer is a server's end of a connection.
type peer struct {
	*http2.Framer

	t    *testing.T
	conn *tls.Conn
	enc  *hpack.Encoder
	buf  bytes.Buffer
	back int // what was given back of the connection's window
}

// connection takes the next connection, up to its preface.
func (r *rig) connection() *peer {
	r.t.Helper()
	_ = r.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	nc, err := r.ln.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	p := &peer{t: r.t, conn: tls.Server(nc, r.tls)}
	r.t.Cleanup(func() { _ = nc.Close() })
	p.must(nc.SetDeadline(time.Now().Add(patience)))
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(p.conn, preface); err != nil || string(preface) != http2.ClientPreface {
		r.t.Fatalf("preface %q, %v", preface, err)
	}
	p.Framer = http2.NewFramer(p.conn, p.conn)
	p.AllowIllegalWrites = true
	p.SetMaxReadFrameSize(maxFrame)
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.enc = hpack.NewEncoder(&p.buf)
	return p
}

// accept takes the next connection and says the settings.
func (r *rig) accept(settings ...http2.Setting) *peer {
	r.t.Helper()
	p := r.connection()
	p.must(p.WriteSettings(settings...))
	for { // the client's settings, window and ping
		f, err := p.ReadFrame()
		p.must(err)
		if ping, ok := f.(*http2.PingFrame); ok {
			p.must(p.WritePing(true, ping.Data))
			return p
		}
	}
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// block encodes fields, given as "name: value".
func (p *peer) block(fields ...string) []byte {
	p.buf.Reset()
	for _, f := range fields {
		i := strings.Index(f[1:], ": ") + 1
		_ = p.enc.WriteField(hpack.HeaderField{Name: f[:i], Value: f[i+2:]})
	}
	return bytes.Clone(p.buf.Bytes())
}

// head sends a header block in one frame.
func (p *peer) head(id uint32, end bool, fields ...string) {
	p.t.Helper()
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(fields...), EndHeaders: true, EndStream: end}))
}

// ok answers 200 with a body.
func (p *peer) ok(id uint32, body string) {
	p.t.Helper()
	p.head(id, body == "", ":status: 200")
	if body != "" {
		p.must(p.WriteData(id, true, []byte(body)))
	}
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
		case *http2.SettingsFrame:
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				p.back += int(f.Increment)
			}
		case *http2.MetaHeadersFrame:
			return fmt.Sprintf("%d %s %s end=%v", f.StreamID, f.PseudoValue("method"), f.PseudoValue("path"), f.StreamEnded())
		case *http2.DataFrame:
			return fmt.Sprintf("%d data %d end=%v", f.StreamID, len(f.Data()), f.StreamEnded())
		case *http2.RSTStreamFrame:
			return fmt.Sprintf("%d reset %v", f.StreamID, f.ErrCode)
		case *http2.GoAwayFrame:
			return fmt.Sprintf("goaway %d %v", f.LastStreamID, f.ErrCode)
		case *http2.PingFrame:
			return fmt.Sprintf("ping ack=%v %s", f.IsAck(), f.Data)
		default:
			return fmt.Sprintf("%T", f)
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

func tlsFor(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
