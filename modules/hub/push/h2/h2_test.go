package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/usherhq/usher/modules/kernel/clock"
)

func TestRequestAndAnswer(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/3/device/aa?x=1", "hello", "Apns-Id", "7", "Connection", "close")
	p := r.accept()
	f, err := p.ReadFrame()
	for ; err == nil; f, err = p.ReadFrame() {
		if _, ok := f.(*http2.MetaHeadersFrame); ok {
			break
		}
	}
	p.must(err)
	got := map[string]string{}
	for _, f := range f.(*http2.MetaHeadersFrame).Fields {
		got[f.Name] = f.Value
	}
	for name, value := range map[string]string{
		":method": "POST", ":scheme": "https", ":authority": r.ln.Addr().String(), ":path": "/3/device/aa?x=1",
		"apns-id": "7", "content-length": "5", "user-agent": "usher",
	} {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if _, ok := got["connection"]; ok {
		t.Error("a field of the connection was sent")
	}
	p.want("1 data 5 end=true")
	p.head(1, false, ":status: 201", "apns-id: 7", "x-list: a", "x-list: b", "content-length: 4")
	p.must(p.WriteData(1, true, []byte("done")))
	c.want(201, "done")
	h := c.resp.Header
	if h.Get("Apns-Id") != "7" || !slices.Equal(h["X-List"], []string{"a", "b"}) || c.resp.ContentLength != 4 ||
		c.resp.ProtoMajor != 2 || c.resp.TLS == nil || c.resp.Status != "201 Created" {
		t.Errorf("%+v", c.resp)
	}
}

// Requests that find every stream taken wait, in the order of their coming; the
// limit may change at any time.
func TestStreamLimit(t *testing.T) {
	r := newRig(t, Config{})
	first := r.send("/1", "")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	p.want("1 GET /1 end=true")
	second := r.send("/2", "")
	r.waiting(1)
	third := r.send("/3", "")
	r.waiting(2)
	fourth := r.send("/4", "")
	r.waiting(3)
	p.ok(1, "one")
	first.want(200, "one")
	p.want("3 GET /2 end=true")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2}))
	p.want("5 GET /3 end=true")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	p.ok(3, "two")
	second.want(200, "two")
	p.must(p.WritePing(false, [8]byte{1})) // its answer comes after whatever the client sent before
	p.want("ping ack=true \x01\x00\x00\x00\x00\x00\x00\x00")
	p.ok(5, "three")
	third.want(200, "three")
	p.want("7 GET /4 end=true")
	p.ok(7, "four")
	fourth.want(200, "four")
}

// A peer's farewell: what it did not look at goes to another connection, in
// order; what it did is answered by it; then the connection ends.
func TestGoAway(t *testing.T) {
	r := newRig(t, Config{})
	var calls []*call
	old := (*peer)(nil)
	for i, path := range []string{"/1", "/2", "/3"} {
		calls = append(calls, r.send(path, "body"))
		if i == 0 {
			old = r.accept()
		}
		id := string(rune('1' + 2*i))
		old.want(id+" POST "+path+" end=false", id+" data 4 end=true")
	}
	old.must(old.WriteGoAway(maxStream, http2.ErrCodeNo, nil)) // a first warning
	old.must(old.WriteGoAway(1, http2.ErrCodeNo, []byte("maintenance")))
	fresh := r.accept()
	fresh.want("1 POST /2 end=false", "1 data 4 end=true", "3 POST /3 end=false", "3 data 4 end=true")
	old.ok(1, "old")
	calls[0].want(200, "old")
	old.want("goaway 0 NO_ERROR", "EOF")
	fresh.ok(3, "c")
	fresh.ok(1, "b")
	calls[1].want(200, "b")
	calls[2].want(200, "c")
}

// What a peer may have looked at is never sent again.
func TestLostConnectionRepeatsNothing(t *testing.T) {
	r := newRig(t, Config{})
	seen := r.send("/seen", "")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	p.want("1 GET /seen end=true")
	line := r.send("/line", "")
	r.waiting(1)
	p.must(p.WriteGoAway(1, http2.ErrCodeInternal, nil))
	fresh := r.accept()
	fresh.want("1 GET /line end=true") // it only waited
	p.must(p.conn.Close())
	seen.fails("EOF")
	fresh.ok(1, "")
	line.want(200, "")
	r.until(func() bool { return r.flying == 0 })
}

// stuck is a connection whose writes block while it is on, and fail once it is closed.
type stuck struct {
	net.Conn

	mu      sync.Mutex
	on      bool
	asked   chan struct{} // a write blocks
	release chan struct{} // it goes on
	closed  chan struct{}
	once    sync.Once
}

func (s *stuck) Write(b []byte) (int, error) {
	s.mu.Lock()
	on := s.on
	s.mu.Unlock()
	if !on {
		return s.Conn.Write(b)
	}
	s.asked <- struct{}{}
	select {
	case <-s.release:
		return s.Conn.Write(b)
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func (s *stuck) turn(on bool) {
	s.mu.Lock()
	s.on = on
	s.mu.Unlock()
}

// What never left this process goes to another connection when its own is lost,
// by the network or for a fault, and does not leave on the old one any more.
func TestUnwrittenRequestsAreRepeated(t *testing.T) {
	for _, fault := range []bool{false, true} {
		var s *stuck
		r := newRig(t, Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil || s != nil {
				return nc, err
			}
			s = &stuck{Conn: nc, asked: make(chan struct{}, 10), release: make(chan struct{}), closed: make(chan struct{})}
			return s, nil
		}})
		c := r.send("/1", "")
		p := r.accept()
		p.want("1 GET /1 end=true")
		p.ok(1, "")
		c.want(200, "")
		s.turn(true)
		written := r.send("/written", "")
		<-s.asked
		unwritten := r.send("/unwritten", "")
		r.until(func() bool { return r.flying == 2 })
		if fault {
			p.raw(http2.FrameData, 0, 0, "a frame on no stream")
		} else {
			_ = p.conn.NetConn().Close()
		}
		fresh := r.accept()
		fresh.want("1 GET /unwritten end=true")
		if fault {
			s.turn(false)
			s.release <- struct{}{}
			p.want("3 GET /written end=true", "goaway 0 PROTOCOL_ERROR", "EOF")
		}
		written.wait()
		if written.err == nil {
			t.Error("a request of which something was written has an answer")
		}
		fresh.ok(1, "")
		unwritten.want(200, "")
	}
}

// A stream that is refused unseen is sent again; any other reset is an error.
func TestResets(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "")
	p := r.accept()
	p.want("1 GET /1 end=true")
	p.must(p.WriteRSTStream(1, http2.ErrCodeRefusedStream))
	p.want("3 GET /1 end=true")
	p.ok(3, "again")
	c.want(200, "again")

	c = r.send("/2", "")
	p.want("5 GET /2 end=true")
	p.must(p.WriteRSTStream(5, http2.ErrCodeInternal))
	c.fails("INTERNAL_ERROR")
	if se, ok := errors.AsType[http2.StreamError](c.err); !ok || se.Code != http2.ErrCodeInternal {
		t.Errorf("%#v", c.err)
	}

	c = r.send("/3", "")
	p.want("7 GET /3 end=true")
	p.head(7, false, ":status: 200")
	p.must(p.WriteRSTStream(7, http2.ErrCodeRefusedStream)) // a lie: it has looked
	c.wait()
	if c.err != nil || c.resp.StatusCode != 200 || c.cut == nil {
		t.Errorf("%v %v: a status that came counts, and its body is cut", c.err, c.cut)
	}

	c = r.send("/4", "")
	for i := range maxTries {
		id := uint32(9 + 2*i)
		p.next()
		p.must(p.WriteRSTStream(id, http2.ErrCodeRefusedStream))
	}
	c.fails("refused 10 times")
}

// A request that is repeated goes before those that have only waited.
func TestRepeatedRequestsComeFirst(t *testing.T) {
	r := newRig(t, Config{})
	first := r.send("/1", "")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	p.want("1 GET /1 end=true")
	second := r.send("/2", "")
	r.waiting(1)
	p.must(p.WriteRSTStream(1, http2.ErrCodeRefusedStream))
	p.want("3 GET /1 end=true")
	p.ok(3, "")
	first.want(200, "")
	p.want("5 GET /2 end=true")
	p.ok(5, "")
	second.want(200, "")
}

// After a refusal no more requests are in flight than the peer bore, until it answers.
func TestRefusalSlowsDown(t *testing.T) {
	r := newRig(t, Config{})
	calls := []*call{r.send("/1", "")}
	p := r.accept()
	p.want("1 GET /1 end=true")
	calls = append(calls, r.send("/2", ""))
	p.want("3 GET /2 end=true")
	p.must(p.WriteRSTStream(3, http2.ErrCodeRefusedStream))
	r.waiting(1)
	p.ok(1, "")
	p.want("5 GET /2 end=true")
	p.ok(5, "")
	for _, c := range calls {
		c.want(200, "")
	}
}

// A request whose context ends is told to the peer, and its place is free.
func TestCancel(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	p.want("1 GET /1 end=true")
	line := r.send("/2", "")
	r.waiting(1)
	line.cancel()
	line.fails("canceled")
	next := r.send("/3", "")
	r.waiting(1)
	c.cancel()
	c.fails("canceled")
	if !errors.Is(c.err, context.Canceled) {
		t.Errorf("%v", c.err)
	}
	p.want("1 reset CANCEL", "3 GET /3 end=true")
	p.ok(1, "too late")
	p.ok(3, "")
	next.want(200, "")
	r.until(func() bool { return r.flying == 0 && len(r.pools) == 1 })
}

// A request that is cancelled before it is sent is not sent.
func TestEndedContext(t *testing.T) {
	r := newRig(t, Config{Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, net.ErrClosed
	}})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	req, _ := http.NewRequestWithContext(ctx, "GET", r.base, nil)
	if _, err := r.RoundTrip(req); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want the context's cause", err)
	}
}

// Close waits for what is in flight, and says goodbye.
func TestCloseDrains(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "")
	p := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	p.want("1 GET /1 end=true")
	line := r.send("/2", "")
	r.waiting(1)
	closed := make(chan error)
	go func() { closed <- r.Close() }()
	r.until(func() bool { return r.Transport.closed })
	r.send("/late", "").fails(ErrClosed.Error())
	p.ok(1, "")
	c.want(200, "")
	p.want("3 GET /2 end=true")
	select {
	case <-closed:
		t.Fatal("closed with a request in flight")
	default:
	}
	p.ok(3, "")
	line.want(200, "")
	p.want("goaway 0 NO_ERROR", "EOF")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A peer that says nothing is asked, and given up; one that answers is kept.
func TestPing(t *testing.T) {
	r := newRig(t, Config{PingAfter: 5 * time.Millisecond, PingTimeout: 5 * time.Second})
	c := r.send("/1", "")
	p := r.accept()
	for pings, asked := 0, false; pings < 3 || !asked; { // in whatever order
		switch got := p.next(); got {
		case "ping ack=false usher\x00\x00\x00":
			pings++
			p.must(p.WritePing(true, [8]byte{'u', 's', 'h', 'e', 'r'}))
		case "1 GET /1 end=true":
			asked = true
		default:
			t.Fatal(got)
		}
	}
	p.ok(1, "")
	c.want(200, "")

	r = newRig(t, Config{PingAfter: 5 * time.Millisecond, PingTimeout: 5 * time.Millisecond})
	c = r.send("/1", "")
	p = r.connection()
	p.must(p.WriteSettings())
	c.fails(errSilent.Error())
}

// A connection that nobody uses is closed.
func TestIdle(t *testing.T) {
	r := newRig(t, Config{PingAfter: 5 * time.Millisecond, PingTimeout: patience, IdleTimeout: 10 * time.Millisecond})
	c := r.send("/1", "")
	p := r.accept()
	for range 5 { // a request in flight is use
		for got := p.next(); !strings.HasPrefix(got, "ping"); got = p.next() {
			if got != "1 GET /1 end=true" {
				t.Fatal(got)
			}
		}
		p.must(p.WritePing(true, [8]byte{}))
	}
	p.ok(1, "")
	c.want(200, "")
	for got := p.next(); got != "goaway 0 NO_ERROR"; got = p.next() {
		if !strings.HasPrefix(got, "ping") {
			t.Fatal(got)
		}
		p.must(p.WritePing(true, [8]byte{}))
	}
	p.want("EOF")
	r.until(func() bool { return len(r.pools) == 0 })
}

// A connection is added when requests wait and those that are there carry nearly what
// the round trip allows, up to the limit; not when they only wait for a processor.
func TestGrowth(t *testing.T) {
	const trip = 50 * time.Millisecond
	for name, c := range map[string]struct {
		answer time.Duration // how long answers take once the way is known
		grows  bool
	}{"a long way": {trip, true}, "a slow processor": {3 * trip, false}} {
		t.Run(name, func(t *testing.T) {
			now := clock.At(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
			r := newRig(t, Config{MaxConns: 2, Clock: now})
			if got := r.Depth(); got != 0 {
				t.Errorf("%d requests should be in flight on a way nobody knows", got)
			}
			first := (*peer)(nil)
			for i := range 9 { // 20 a second, or 7
				call := r.send("/1", "")
				took := c.answer
				if first == nil {
					first, took = r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}), trip
				}
				first.want(fmt.Sprintf("%d GET /1 end=true", 1+2*i))
				if i == 0 { // the first ping, over a clock that stands still, is answered before it moves
					first.must(first.WritePing(false, [8]byte{}))
					first.want("ping ack=true " + string(make([]byte, 8)))
				}
				now.Advance(took)
				first.ok(uint32(1+2*i), "")
				call.want(200, "")
			}
			busy := r.send("/2", "")
			first.want("19 GET /2 end=true")
			line := r.send("/3", "")
			p := r.pools[r.ln.Addr().String()]
			if !c.grows {
				r.waiting(1)
				r.until(func() bool { return !p.dialing && len(p.conns) == 1 && p.wanted() == 1 })
				first.ok(19, "")
				busy.want(200, "")
				first.want("21 GET /3 end=true")
				first.ok(21, "")
				line.want(200, "")
				return
			}
			second := r.accept(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
			second.want("1 GET /3 end=true")
			if got := r.Depth(); got != 2 {
				t.Errorf("%d requests should be in flight, want twice 20/s × 50 ms", got)
			}
			more := r.send("/4", "")
			r.waiting(1)
			r.until(func() bool { return !p.dialing && len(p.conns) == 2 })
			second.ok(1, "")
			line.want(200, "")
			second.want("3 GET /4 end=true")
			second.ok(3, "")
			more.want(200, "")
			first.ok(19, "")
			busy.want(200, "")
		})
	}
}

// A host that cannot be reached fails what waits for it, each time.
func TestUnreachable(t *testing.T) {
	r := newRig(t, Config{})
	_ = r.ln.Close()
	for range 2 {
		r.send("/1", "").fails("refused")
	}
	r.until(func() bool { return len(r.pools) == 0 })
}

// A host without HTTP/2 is told apart.
func TestNoHTTP2(t *testing.T) {
	r := newRig(t, Config{})
	for _, protos := range [][]string{nil, {"http/1.1"}} {
		r.tls.NextProtos = protos
		c := r.send("/1", "")
		nc, err := r.ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, tls.Server(nc, r.tls)) }()
		c.wait()
		if !errors.Is(c.err, ErrNoHTTP2) {
			t.Errorf("%v: %v", protos, c.err)
		}
		_ = nc.Close()
	}
}
