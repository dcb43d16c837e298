package h2

import (
	"errors"
	"testing"

	"golang.org/x/net/http2"
)

// TestWhatMustBeTaken: rare but right, and what must be ignored.
func TestWhatMustBeTaken(t *testing.T) {
	for _, c := range []struct {
		section, name, body string
		send                func(p *peer)
	}{
		{"4.1", "a frame of an unknown kind", "", func(p *peer) { p.raw(0xbe, 0xff, 1, "what?"); p.raw(0xbe, 0, 0, ""); p.ok(1, "") }},
		{"5.3", "PRIORITY, of whatever stream", "", func(p *peer) { p.raw(http2.FramePriority, 0, 9, u32(1)+"x"); p.ok(1, "") }},
		{"6.1", "padding", "hello", func(p *peer) {
			p.head(1, false, status200)
			p.must(p.WriteDataPadded(1, false, []byte("hel"), make([]byte, 255)))
			p.must(p.WriteDataPadded(1, true, []byte("lo"), make([]byte, 1)))
		}},
		{"6.1", "empty frames", "x", func(p *peer) {
			p.head(1, false, status200)
			p.must(p.WriteData(1, false, nil))
			p.must(p.WriteData(1, false, []byte("x")))
			p.must(p.WriteData(1, true, nil))
		}},
		{"6.2", "a padded header with a priority", "", func(p *peer) {
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(status200), EndHeaders: true, EndStream: true, PadLength: 9, Priority: http2.PriorityParam{Weight: 3}}))
		}},
		{"6.4", "a reset without error after the answer", "x", func(p *peer) { p.ok(1, "x"); p.must(p.WriteRSTStream(1, http2.ErrCodeNo)) }},
		{"6.5.2", "an unknown setting", "", func(p *peer) { p.must(p.WriteSettings(http2.Setting{ID: 0xbabe, Val: 7})); p.ok(1, "") }},
		{"6.5.2", "push refused by the server as well", "", func(p *peer) {
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}))
			p.ok(1, "")
		}},
		{"6.8", "a farewell with an error, and yet the answer", "x", func(p *peer) { p.must(p.WriteGoAway(1, http2.ErrCodeEnhanceYourCalm, []byte("later"))); p.ok(1, "x") }},
		{"6.10", "a header in pieces", "", func(p *peer) {
			b := p.block(status200, "x-id: 1234567890")
			p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:1], EndStream: true}))
			for i := 1; i < len(b); i++ {
				p.must(p.WriteContinuation(1, i == len(b)-1, b[i:i+1]))
			}
		}},
		{"8.1", "interim answers", "x", func(p *peer) {
			p.head(1, false, ":status: 100")
			p.head(1, false, ":status: 103", "link: </style.css>")
			p.ok(1, "x")
		}},
		{"8.1", "trailers", "x", func(p *peer) {
			p.head(1, false, status200)
			p.must(p.WriteData(1, false, []byte("x")))
			p.head(1, true, "x-checksum: 1")
		}},
		{"8.1", "trailers at once", "", func(p *peer) { p.head(1, false, status200); p.head(1, true, "x-checksum: 1") }},
		{"8.1.1", "the same length twice", "x", func(p *peer) {
			p.head(1, false, status200, "content-length: 1", "content-length: 1")
			p.must(p.WriteData(1, true, []byte("x")))
		}},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			req := r.send("/1", "")
			p := r.accept()
			p.want("1 GET /1 end=true")
			c.send(p)
			req.want(200, c.body)
		})
	}
}

// TestAnswerDetails: what a caller sees of interim answers, trailers and lengths.
func TestAnswerDetails(t *testing.T) {
	r := newRig(t, Config{MaxBody: 10})
	c := r.send("/1", "")
	p := r.accept()
	p.want("1 GET /1 end=true")
	p.head(1, false, ":status: 103", "x-early: 1")
	p.head(1, false, status200, "x-id: 7")
	p.must(p.WriteData(1, false, []byte("body")))
	p.head(1, true, "x-checksum: 9")
	c.want(200, "body")
	if c.resp.Header.Get("X-Early") != "" || c.resp.Header.Get("X-Id") != "7" || c.resp.Trailer.Get("X-Checksum") != "9" || c.resp.Header.Get("X-Checksum") != "" {
		t.Errorf("header %v, trailer %v", c.resp.Header, c.resp.Trailer)
	}

	c = r.send("HEAD /2", "")
	p.want("3 HEAD /2 end=true")
	p.head(3, true, status200, "content-length: 1234")
	c.want(200, "")
	if c.resp.ContentLength != 1234 {
		t.Errorf("length %d", c.resp.ContentLength)
	}

	c = r.send("/3", "")
	p.want("5 GET /3 end=true")
	p.head(5, false, status200)
	p.must(p.WriteData(5, false, []byte("0123456789")))
	p.must(p.WriteData(5, true, nil))
	c.want(200, "0123456789") // just what is taken

	c = r.send("/4", "")
	p.want("7 GET /4 end=true")
	p.head(7, false, ":status: 404")
	p.must(p.WriteData(7, false, []byte("0123456789x")))
	p.want("7 reset CANCEL")
	c.wait()
	if c.err != nil || c.resp.StatusCode != 404 || c.body != "0123456789" || !errors.Is(c.cut, ErrBodyTooLong) {
		t.Errorf("%v %q %v, want the status, what is taken of the body, and why it ends", c.err, c.body, c.cut)
	}
}

// TestLateFrames: what was on its way for a stream that has ended is dropped, but
// its header blocks are decoded: the table lives on.
func TestLateFrames(t *testing.T) {
	r := newRig(t, Config{})
	c := r.send("/1", "")
	p := r.accept()
	p.want("1 GET /1 end=true")
	c.cancel()
	p.want("1 reset CANCEL")
	p.head(1, false, status200, "x-new: in the table")
	p.must(p.WriteData(1, false, []byte("late")))
	p.must(p.WriteWindowUpdate(1, 5))
	p.must(p.WriteRSTStream(1, http2.ErrCodeCancel))
	p.raw(http2.FrameWindowUpdate, 0, 1, u32(0))
	c = r.send("/2", "")
	p.want("3 GET /2 end=true")
	p.head(3, true, status200, "x-new: in the table")
	c.want(200, "")
	if c.resp.Header.Get("X-New") != "in the table" {
		t.Errorf("%v", c.resp.Header)
	}
}
