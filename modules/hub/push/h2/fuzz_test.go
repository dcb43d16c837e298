package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// tape is a connection whose peer has said everything in advance.
type tape struct {
	net.Conn

	said io.Reader
}

func (c *tape) Read(b []byte) (int, error) {
	n, err := c.said.Read(b)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

func (c *tape) Write(b []byte) (int, error) { return len(b), nil }
func (c *tape) Close() error                { return nil }

// play lets a peer say what is on the tape to a transport with n requests under
// way, and checks what must hold whatever it is: every request has one end, and
// the transport can be closed.
func play(t *testing.T, said []byte, n int) {
	t.Helper()
	tr := New(Config{MaxBody: 1000, MaxHeader: 2000, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no other connection")
	}})
	ended := make(chan error, n)
	tr.mu.Lock()
	p := tr.pool("peer.example:443")
	c := newConn(p, &tape{said: bytes.NewReader(said)})
	p.conns = append(p.conns, c)
	tr.mu.Unlock()
	for i := range n {
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://peer.example/"+strings.Repeat("x", i), strings.NewReader(strings.Repeat("body", 20*i)))
			resp, err := tr.RoundTrip(req)
			if err == nil {
				_, _ = io.ReadAll(resp.Body)
			}
			ended <- err
		}()
	}
	for {
		tr.mu.Lock()
		under := tr.flying
		tr.mu.Unlock()
		if under == n {
			break
		}
		time.Sleep(10 * time.Microsecond)
	}
	c.start()
	for range n {
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("a request has no end")
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if tr.flying != 0 || len(tr.pools) != 0 || len(c.streams) != 0 || len(c.blocked) != 0 {
		t.Fatalf("%d requests, %d pools, %d streams, %d bodies are left", tr.flying, len(tr.pools), len(c.streams), len(c.blocked))
	}
}

// tapeOf records what a peer says.
func tapeOf(say func(fr *http2.Framer, block func(fields ...string) []byte)) []byte {
	var out, buf bytes.Buffer
	enc := hpack.NewEncoder(&buf)
	fr := http2.NewFramer(&out, nil)
	fr.AllowIllegalWrites = true
	say(fr, func(fields ...string) []byte {
		buf.Reset()
		for _, f := range fields {
			name, value, _ := strings.Cut(f[1:], ": ")
			_ = enc.WriteField(hpack.HeaderField{Name: f[:1] + name, Value: value})
		}
		return bytes.Clone(buf.Bytes())
	})
	return out.Bytes()
}

// FuzzBytes: a peer that says anything at all.
func FuzzBytes(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(tapeOf(func(fr *http2.Framer, block func(...string) []byte) {
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5})
		_ = fr.WriteWindowUpdate(3, 100)
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status: 200", "x-id: 1"), EndHeaders: true})
		_ = fr.WriteDataPadded(1, true, []byte("hello"), []byte{0, 0})
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block(":status: 404", "content-length: 0"), EndHeaders: true, EndStream: true})
		_ = fr.WritePing(false, [8]byte{1})
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		_ = fr.WriteRSTStream(5, http2.ErrCodeRefusedStream)
		_ = fr.WriteGoAway(5, http2.ErrCodeNo, []byte("bye"))
	}))
	f.Add(tapeOf(func(fr *http2.Framer, block func(...string) []byte) {
		_ = fr.WriteSettings()
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status: 103"), EndHeaders: true})
		b := block(":status: 200", "a-long-name: a long value")
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:3]})
		_ = fr.WriteContinuation(1, true, b[3:])
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("x-trailer: 1"), EndHeaders: true, EndStream: true})
		_ = fr.WritePushPromise(http2.PushPromiseParam{StreamID: 3, PromiseID: 2, BlockFragment: block(":path: /"), EndHeaders: true})
	}))
	f.Fuzz(func(t *testing.T, said []byte) { play(t, said, 5) })
}

// FuzzFrames: a peer that says whole frames, mostly sensible ones, in any order. Two
// bytes make a frame: what, and of which stream or size.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x03\x02\x05"))
	f.Add([]byte("\x03\x00\x00\x01\x04\x03\x01\x03\x05\x01\x07\x05"))
	f.Add([]byte("\x06\x05\x08\x01\x09\x02\x0a\x03\x0b\x40\x0c\x05"))
	f.Fuzz(func(t *testing.T, script []byte) {
		play(t, tapeOf(func(fr *http2.Framer, block func(...string) []byte) {
			_ = fr.WriteSettings()
			for ; len(script) >= 2; script = script[2:] {
				sayFrame(fr, block, script[0]%16, uint32(script[1]))
			}
		}), 8)
	})
}

func sayFrame(fr *http2.Framer, block func(...string) []byte, what byte, n uint32) {
	id := n%16 | 1
	header := func(end bool, fields ...string) {
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block(fields...), EndHeaders: true, EndStream: end})
	}
	switch what {
	case 0:
		header(true, ":status: 200", "x-id: 1")
	case 1:
		header(false, ":status: 201")
	case 2:
		header(n&16 > 0, "x-trailer: 1")
	case 3:
		header(false, ":status: 103", "x-id: "+strings.Repeat("x", int(n)))
	case 4:
		_ = fr.WriteData(id, n&16 > 0, make([]byte, n))
	case 5:
		_ = fr.WriteDataPadded(id, n&16 > 0, []byte("x"), make([]byte, n))
	case 6:
		_ = fr.WriteRSTStream(id, http2.ErrCode(n/16))
	case 7:
		_ = fr.WriteGoAway(n%32, http2.ErrCode(n/32), nil)
	case 8:
		_ = fr.WriteWindowUpdate(id-1, n*n*n*n/2)
	case 9:
		_ = fr.WriteWindowUpdate(id, n*n*n*n/2)
	case 10:
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n * n * n * n / 2})
	case 11:
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n % 8}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: n * 20})
	case 12:
		_ = fr.WritePing(n&1 > 0, [8]byte{byte(n)})
	case 13:
		header(true, ":status: 200", "content-length: 0")
	case 14:
		_ = fr.WriteRawFrame(http2.FrameType(n%20), http2.Flags(n), id-n&1, make([]byte, n%11))
	case 15:
		_ = fr.WriteSettingsAck()
	}
}
