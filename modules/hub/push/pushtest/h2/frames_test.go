package h2

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

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
	p.want("3 headers 200 end=false", "3 data 18 end=false")
	sent := 25 + 18
	for sent < defaultWindow {
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
	for _, id := range []uint32{3, 5} {
		p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block("/size/1"), EndHeaders: true}))
	}
	p.must(p.WriteData(3, true, nil))
	p.must(p.WriteData(5, true, nil)) // open at the goodbye, and above it: not served
	p.get(7, "/size/1")               // opened after it: not served
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

// What an answer's header fields say is what an independent decoder reads.
func TestAnswersFieldsAreReadAsTheyAre(t *testing.T) {
	long := strings.Repeat("x", 126)
	want := []hpack.HeaderField{
		{Name: ":status", Value: "200"}, {Name: ":status", Value: "410"}, {Name: "apns-id", Value: "8-4"}, {Name: "empty"},
		{Name: "just", Value: long}, {Name: "longer", Value: long + "x"}, {Name: "longest", Value: strings.Repeat(long, 9)},
	}
	b := appendStatus(appendStatus(nil, 200), 410)
	for _, f := range want[2:] {
		b = appendField(b, Field{f.Name, f.Value})
	}
	got, err := hpack.NewDecoder(0, nil).DecodeFull(b)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v reads %v", err, got)
	}
}
