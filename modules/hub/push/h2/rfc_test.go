package h2

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

const status200 = ":status: 200"

// raw writes a frame as it is said, whatever is wrong with it.
func (p *peer) raw(kind http2.FrameType, flags http2.Flags, id uint32, payload string) {
	p.t.Helper()
	p.must(p.WriteRawFrame(kind, flags, id, []byte(payload)))
}

func u32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// TestConnectionFaults: what breaks the connection's rules ends it with the error
// code of RFC 9113 (and RFC 7541), and the request fails.
func TestConnectionFaults(t *testing.T) {
	for _, c := range []struct {
		section, name, code string
		send                func(p *peer) // after the request on stream 1
	}{
		{"4.2", "a frame longer than we take", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameData, 0, 1, strings.Repeat("x", maxFrame+1)) }},
		{"4.3", "a header block that cannot be decoded", "COMPRESSION_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x80") }},
		{"4.3", "a header block that ends too early", "COMPRESSION_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x88\x00\x05ab") }},
		{"5.1", "DATA on an idle stream", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteData(7, true, []byte("x"))) }},
		{"5.1", "HEADERS on an idle stream", "PROTOCOL_ERROR", func(p *peer) { p.head(7, true, status200) }},
		{"5.1", "RST_STREAM on an idle stream", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteRSTStream(7, http2.ErrCodeCancel)) }},
		{"5.1", "WINDOW_UPDATE on an idle stream", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteWindowUpdate(7, 1)) }},
		{"5.1.1", "HEADERS on a stream of the server's", "PROTOCOL_ERROR", func(p *peer) { p.head(2, true, status200) }},
		{"6.1", "DATA on stream 0", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameData, 0, 0, "x") }},
		{"6.1", "DATA with more padding than payload", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x05ab") }},
		{"6.2", "HEADERS on stream 0", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 0, "\x88") }},
		{"6.2", "HEADERS within a header block", "PROTOCOL_ERROR", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x88")
		}},
		{"6.2", "DATA within a header block", "PROTOCOL_ERROR", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameData, 0, 1, "x")
		}},
		{"6.2", "HEADERS with more padding than payload", "PROTOCOL_ERROR", func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPadded, 1, "\x09\x88")
		}},
		{"6.3", "PRIORITY of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FramePriority, 0, 1, "abcd") }},
		{"6.4", "RST_STREAM on stream 0", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameRSTStream, 0, 0, u32(8)) }},
		{"6.4", "RST_STREAM of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameRSTStream, 0, 1, "abc") }},
		{"6.5", "SETTINGS on a stream", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameSettings, 0, 1, "") }},
		{"6.5", "SETTINGS of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameSettings, 0, 0, "abc") }},
		{"6.5", "an acknowledgement with settings", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameSettings, http2.FlagSettingsAck, 0, "\x00\x03"+u32(1)) }},
		{"6.5.2", "ENABLE_PUSH from a server", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1})) }},
		{"6.5.2", "ENABLE_PUSH of 2", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2})) }},
		{"6.5.2", "a window that is too large", "FLOW_CONTROL_ERROR", func(p *peer) {
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		}},
		{"6.5.2", "a frame size that is too small", "PROTOCOL_ERROR", func(p *peer) {
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100}))
		}},
		{"6.6", "PUSH_PROMISE, which we refuse", "PROTOCOL_ERROR", func(p *peer) {
			p.must(p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: p.block(":method: GET", ":scheme: https", ":authority: x", ":path: /"), EndHeaders: true}))
		}},
		{"6.7", "PING on a stream", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FramePing, 0, 1, "12345678") }},
		{"6.7", "PING of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FramePing, 0, 0, "1234567") }},
		{"6.8", "GOAWAY on a stream", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameGoAway, 0, 1, u32(1)+u32(0)) }},
		{"6.8", "GOAWAY of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameGoAway, 0, 0, u32(1)) }},
		{"6.8", "GOAWAY that takes back an earlier one", "PROTOCOL_ERROR", func(p *peer) {
			p.must(p.WriteGoAway(1, http2.ErrCodeNo, nil))
			p.must(p.WriteGoAway(3, http2.ErrCodeNo, nil))
		}},
		{"6.9", "WINDOW_UPDATE of nothing", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 0, u32(0)) }},
		{"6.9", "WINDOW_UPDATE of a wrong length", "FRAME_SIZE_ERROR", func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 0, "abc") }},
		{"6.9.1", "a connection's window that overflows", "FLOW_CONTROL_ERROR", func(p *peer) { p.must(p.WriteWindowUpdate(0, maxWindow)) }},
		{"6.9.2", "a stream's window that overflows by a setting", "FLOW_CONTROL_ERROR", func(p *peer) {
			p.must(p.WriteWindowUpdate(1, 1000))
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow}))
		}},
		{"6.10", "CONTINUATION without a header block", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "\x88") }},
		{"6.10", "CONTINUATION of another stream", "PROTOCOL_ERROR", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 3, "")
		}},
		{"10.5.1", "CONTINUATION without end", "ENHANCE_YOUR_CALM", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			for range 2*(16<<10)/frameHeader + 1 {
				p.raw(http2.FrameContinuation, 0, 1, "")
			}
		}},
		{"RFC 7541, 4.2", "a table larger than we allow", "COMPRESSION_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x3f\xe1\xff\x03\x88") }},
		{"RFC 7541, 4.2", "a change of the table after a field", "COMPRESSION_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x88\x40\x01x\x01y\x20") }},
		{"RFC 7541, 2.3.3", "an index beyond the table", "COMPRESSION_ERROR", func(p *peer) { p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x88\xff\x20") }},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			req := r.send("/1", "")
			p := r.accept()
			p.want("1 GET /1 end=true")
			c.send(p)
			p.want("goaway 0 "+c.code, "EOF")
			req.fails("")
		})
	}
}

// TestPrefaceFaults: a server that does not begin with its settings is no HTTP/2
// server (3.4).
func TestPrefaceFaults(t *testing.T) {
	for name, send := range map[string]func(p *peer){
		"a ping first":               func(p *peer) { p.must(p.WritePing(false, [8]byte{})) },
		"an acknowledgement first":   func(p *peer) { p.must(p.WriteSettingsAck()) },
		"an answer nobody asked for": func(p *peer) { p.head(1, true, status200) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{})
			req := r.send("/1", "")
			p := r.connection()
			send(p)
			for range 3 {
				if got := p.next(); got == "goaway 0 PROTOCOL_ERROR" {
					req.fails("PROTOCOL_ERROR")
					return
				}
			}
			t.Error("no GOAWAY")
		})
	}
}

// TestStreamFaults: what breaks a stream's rules ends it with the right code, and
// the connection goes on.
func TestStreamFaults(t *testing.T) {
	for _, c := range []struct {
		section, name, code string
		send                func(p *peer)
	}{
		{"6.9", "WINDOW_UPDATE of nothing", "PROTOCOL_ERROR", func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 1, u32(0)) }},
		{"6.9.1", "a window that overflows", "FLOW_CONTROL_ERROR", func(p *peer) { p.must(p.WriteWindowUpdate(1, maxWindow)) }},
		{"6.9.1", "more than the window allows", "FLOW_CONTROL_ERROR", func(p *peer) {
			p.head(1, false, status200)
			for range (64<<10)/maxFrame + 1 {
				p.must(p.WriteData(1, false, make([]byte, maxFrame)))
			}
		}},
		{"8.1", "DATA before the header", "PROTOCOL_ERROR", func(p *peer) { p.must(p.WriteData(1, false, []byte("x"))) }},
		{"8.1", "a second header that is no trailer", "PROTOCOL_ERROR", func(p *peer) { p.head(1, false, status200); p.head(1, false, "x-more: 1") }},
		{"8.1", "an interim answer that ends the stream", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, ":status: 103") }},
		{"8.1.1", "less than the length says", "PROTOCOL_ERROR", func(p *peer) {
			p.head(1, false, status200, "content-length: 5")
			p.must(p.WriteData(1, true, []byte("four")))
		}},
		{"8.1.1", "more than the length says", "PROTOCOL_ERROR", func(p *peer) {
			p.head(1, false, status200, "content-length: 1")
			p.must(p.WriteData(1, true, []byte("four")))
		}},
		{"8.1.1", "nothing although the length says", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "content-length: 1") }},
		{"8.1.1", "two lengths", "PROTOCOL_ERROR", func(p *peer) { p.head(1, false, status200, "content-length: 1", "content-length: 2") }},
		{"8.1.1", "no length at all", "PROTOCOL_ERROR", func(p *peer) { p.head(1, false, status200, "content-length: -1") }},
		{"8.2.1", "a name with capitals", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "X-Id: 1") }},
		{"8.2.1", "a name with a space", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "x id: 1") }},
		{"8.2.1", "a value with a line's end", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "x-id: 1\r\nx: 2") }},
		{"8.2.2", "a field of the connection", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "connection: close") }},
		{"8.2.2", "transfer-encoding", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, "transfer-encoding: chunked") }},
		{"8.3", "a pseudo-header after others", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, "x-id: 1", status200) }},
		{"8.3", "a pseudo-header twice", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, status200) }},
		{"8.3", "a request's pseudo-header", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, status200, ":path: /") }},
		{"8.3", "a pseudo-header in a trailer", "PROTOCOL_ERROR", func(p *peer) { p.head(1, false, status200); p.head(1, true, status200) }},
		{"8.3.2", "no status", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, "x-id: 1") }},
		{"8.3.2", "a status of two digits", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, ":status: 20") }},
		{"8.3.2", "a status that is no number", "PROTOCOL_ERROR", func(p *peer) { p.head(1, true, ":status: 2xx") }},
		{"8.6", "101, which HTTP/2 does not have", "PROTOCOL_ERROR", func(p *peer) { p.head(1, false, ":status: 101") }},
		{"10.5.1", "a header larger than we take", "ENHANCE_YOUR_CALM", func(p *peer) {
			p.head(1, true, status200, "x-long: "+strings.Repeat("x", 15<<10), "y-long: "+strings.Repeat("y", 1<<10))
		}},
		{"10.5.1", "interim answers without end", "ENHANCE_YOUR_CALM", func(p *peer) {
			for range 400 {
				p.head(1, false, ":status: 103")
			}
		}},
	} {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			req := r.send("/1", "")
			p := r.accept()
			p.want("1 GET /1 end=true")
			c.send(p)
			p.want("1 reset " + c.code)
			req.fails(c.code)
			req = r.send("/2", "")
			p.want("3 GET /2 end=true")
			p.ok(3, "well")
			req.want(200, "well")
		})
	}
}
