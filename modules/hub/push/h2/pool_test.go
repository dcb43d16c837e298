package h2

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/usherhq/usher/modules/kernel/clock"
)

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

// A connection more that carries little goes again, and no other is tried for a while.
func TestGrowthThatBringsNothing(t *testing.T) {
	now := clock.At(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	r := newRig(t, Config{MaxConns: 2, Clock: now})
	one := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}
	busy := r.send("/1", "")
	first := r.accept(one)
	first.want("1 GET /1 end=true")
	p := r.pools[r.ln.Addr().String()]
	known := func(rate float64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.trip, p.rate = 50*time.Millisecond, rate
	}
	known(20)
	line := r.send("/2", "")
	second := r.accept(one)
	second.want("1 GET /2 end=true")
	count := func(windows ...int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, answers := range windows {
			p.since, p.answers = now.Now().Add(-time.Second), answers
			p.counted(now.Now())
		}
	}
	count(29, 24, 40, 24) // half as much again would be 30: a burst is not
	r.until(func() bool { return len(p.conns) == 1 && len(p.leaving) == 1 })
	second.ok(1, "")
	line.want(200, "")
	second.want("goaway 0 NO_ERROR")

	known(40) // as if this connection had replaced one: the other can carry 20
	third := r.send("/3", "")
	r.waiting(1)
	r.until(func() bool { return !p.dialing && len(p.conns) == 1 })
	now.Advance(trialRest)
	fourth := r.send("/4", "")
	second = r.accept(one)
	second.want("1 GET /3 end=true")
	count(20, 30, 30, 30)
	r.until(func() bool { return len(p.conns) == 2 })
	second.ok(1, "")
	third.want(200, "")
	second.want("3 GET /4 end=true")
	second.ok(3, "")
	fourth.want(200, "")
	first.ok(1, "")
	busy.want(200, "")
}

// Over a short way two connections share many requests.
func TestSharing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.NumCPU()))) // one processor has nobody to share with
	r := newRig(t, Config{MaxConns: 3})
	opening := r.send("/", "")
	first := r.accept()
	first.want("1 GET / end=true")
	first.ok(1, "")
	opening.want(200, "")
	p := r.pools[r.ln.Addr().String()]
	r.mu.Lock()
	p.trip = time.Millisecond
	r.mu.Unlock()
	var calls []*call
	for i := range crowd {
		calls = append(calls, r.send(fmt.Sprint("/", i), ""))
	}
	second := r.accept()
	r.until(func() bool { return len(p.conns) == 2 })
	calls = append(calls, r.send("/more", ""))
	second.want("1 GET /more end=true")
	second.ok(1, "")
	for range crowd {
		var id uint32
		if _, err := fmt.Sscan(first.next(), &id); err != nil {
			t.Fatal(err)
		}
		first.ok(id, "")
	}
	for _, c := range calls {
		c.want(200, "")
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
