package h2

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
)

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
