package h2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestSendWindows: a body goes as far as its windows allow, which may come, go and
// become negative at any time.
func TestSendWindows(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", strings.Repeat("x", 25))
	p := r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.want("1 POST /1 end=false", "1 data 10 end=false")
	p.must(p.WriteWindowUpdate(1, 5))
	p.want("1 data 5 end=false")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 18})) // +8 on open streams
	p.want("1 data 8 end=false")
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 8})) // 10 less than nothing
	p.must(p.WriteWindowUpdate(1, 10))
	p.must(p.WriteWindowUpdate(1, 1))
	p.want("1 data 1 end=false")
	p.must(p.WriteWindowUpdate(1, 100))
	p.want("1 data 1 end=true")
	p.ok(1, "")
	c.want(200, "")

	large := r.send("/2", strings.Repeat("x", 70_000)) // more than the connection's window, which those 25 came from
	p.want("3 POST /2 end=false", "3 data 8 end=false")
	p.must(p.WriteWindowUpdate(3, 100_000))
	sent := 25 + 8
	for sent < defaultWindow {
		var n int
		if _, err := fmt.Sscanf(p.next(), "3 data %d end=false", &n); err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	if sent != defaultWindow {
		t.Fatalf("%d bytes sent through a window of %d", sent, defaultWindow)
	}
	small := r.send("/3", "y") // and waits for the connection's window as well
	p.want("5 POST /3 end=false")
	empty := r.send("/4", "") // which needs none
	p.want("7 GET /4 end=true")
	p.ok(7, "")
	empty.want(200, "")
	p.must(p.WriteWindowUpdate(0, 100_000))
	p.want(fmt.Sprintf("3 data %d end=true", 70_000+25-defaultWindow), "5 data 1 end=true")
	p.ok(3, "")
	p.ok(5, "")
	large.want(200, "")
	small.want(200, "")
}

// TestAnswerBeforeTheBody: an answer that does not wait for the request's body ends
// the sending of it.
func TestAnswerBeforeTheBody(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", strings.Repeat("x", 100))
	p := r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.want("1 POST /1 end=false", "1 data 10 end=false")
	p.head(1, true, ":status: 413")
	p.want("1 reset CANCEL")
	p.must(p.WriteRSTStream(1, http2.ErrCodeNo))
	c.want(413, "")
	c = r.send("/2", "x")
	p.want("3 POST /2 end=false", "3 data 1 end=true")
	p.ok(3, "")
	c.want(200, "")
}

// TestReceiveWindows: what answers take of the connection's window is given back,
// also for streams that are no more, and so is padding.
func TestReceiveWindows(t *testing.T) {
	r := newRig(t, Config{MaxBody: 1 << 20})
	p := (*peer)(nil)
	sent := 0
	for i := 0; sent < 2*connWindow; i++ {
		c := r.send("/1", "")
		if p == nil {
			p = r.accept()
		}
		id := uint32(1 + 2*i)
		p.want(fmt.Sprintf("%d GET /1 end=true", id))
		p.head(id, false, status200)
		for range 50 {
			p.must(p.WriteData(id, false, make([]byte, maxFrame)))
			sent += maxFrame
		}
		p.must(p.WriteData(id, true, nil))
		p.must(p.WriteData(id, true, make([]byte, maxFrame))) // too much, and too late
		sent += maxFrame
		c.wait()
		if len(c.body) != 50*maxFrame || c.cut != nil {
			t.Fatal(len(c.body), c.cut)
		}
	}
	p.must(p.WritePing(false, [8]byte{}))
	p.want("ping ack=true " + string(make([]byte, 8)))
	if p.back <= sent-connWindow || p.back > sent {
		t.Errorf("%d of %d bytes were given back", p.back, sent)
	}

	c := r.send("/padded", "")
	for !strings.Contains(p.next(), "/padded") {
	}
	r.mu.Lock()
	id := uint32(0)
	for _, pool := range r.pools {
		id = pool.conns[0].nextID - 2
	}
	r.mu.Unlock()
	p.head(id, false, status200)
	p.must(p.WriteDataPadded(id, false, []byte("x"), make([]byte, 200)))
	f, err := p.ReadFrame()
	p.must(err)
	if w, ok := f.(*http2.WindowUpdateFrame); !ok || w.StreamID != id || w.Increment != 201 {
		t.Errorf("%v, want the padding's 201 bytes back", f)
	}
	p.must(p.WriteData(id, true, nil))
	c.want(200, "x")
}

// TestFlood: a peer that makes us answer and does not read is cut off.
func TestFlood(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "")
	p := r.accept()
	p.want("1 GET /1 end=true")
	var pings bytes.Buffer
	fr := http2.NewFramer(&pings, nil)
	for range maxReplies {
		_ = fr.WritePing(false, [8]byte{})
	}
	for over := false; !over; { // the sockets' buffers hold some of the answers
		_, err := p.conn.Write(pings.Bytes())
		select {
		case <-c.done:
			over = true
		default:
			over = err != nil
		}
	}
	c.fails("ENHANCE_YOUR_CALM")
}
