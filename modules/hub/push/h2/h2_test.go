package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"golang.org/x/net/http2"
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
	r.until(func() bool { return r.closed })
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
