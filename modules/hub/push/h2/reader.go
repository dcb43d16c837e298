package h2

import (
	"errors"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// read runs as the connection's reading goroutine, until its end.
func (c *conn) read() {
	err := c.readAll()
	mu := &c.pool.t.mu
	mu.Lock()
	c.fail(err)
	mu.Unlock()
	if isFault(err) {
		_, _ = io.Copy(io.Discard, c.nc) // until the peer has read why, or farewell is over
	}
	_ = c.nc.Close()
}

func (c *conn) readAll() error {
	for {
		f, err := c.next()
		if err == nil {
			c.heard.Add(1)
			err = c.frame(f)
		}
		if se, ok := errors.AsType[http2.StreamError](err); ok {
			err = c.streamFault(se)
		}
		if err != nil {
			return err
		}
	}
}

// next reads a frame. What the Framer calls the fault of a stream is that of the
// connection if a header block went unread with it: RFC 9113, 4.3.
func (c *conn) next() (http2.Frame, error) {
	h, err := c.fr.ReadFrameHeader()
	if err == nil {
		var f http2.Frame
		if f, err = c.fr.ReadFrameForHeader(h); err == nil {
			return f, nil
		}
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		return nil, http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	if se, ok := errors.AsType[http2.StreamError](err); ok && h.Type != http2.FrameWindowUpdate {
		return nil, http2.ConnectionError(se.Code)
	}
	return nil, err
}

// streamFault resets a stream on which the peer broke the rules.
func (c *conn) streamFault(se http2.StreamError) error {
	mu := &c.pool.t.mu
	mu.Lock()
	defer mu.Unlock()
	st := c.streams[se.StreamID]
	if st == nil {
		return c.mustBePast(se.StreamID)
	}
	c.reset(st, se.Code)
	st.finish(se)
	return nil
}

// replied counts what the peer made us say. One that asks and asks and does not read
// is no peer. The caller holds mu.
func (c *conn) replied() error {
	if c.replies++; c.replies > maxReplies {
		return http2.ConnectionError(errCalm)
	}
	return nil
}

// frame takes one frame. Errors: http2.StreamError, which ends a stream; any other
// ends the connection.
func (c *conn) frame(f http2.Frame) error {
	if _, ok := f.(*http2.SettingsFrame); !ok && !c.greeted {
		return http2.ConnectionError(errProtocol) // RFC 9113, 3.4: settings come first
	}
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.header(f.StreamID, f.StreamEnded(), f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return c.header(c.head.id, c.head.last, f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(errProtocol) // we said that we take none
	}
	mu := &c.pool.t.mu
	mu.Lock()
	defer mu.Unlock()
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.RSTStreamFrame:
		return c.resetByPeer(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.GoAwayFrame:
		return c.goAway(f)
	case *http2.PingFrame:
		if f.IsAck() {
			c.pong()
			return nil
		}
		_ = c.fr.WritePing(true, f.Data)
		return c.replied()
	}
	return nil // PRIORITY and what is unknown ask for nothing
}

// mustBePast is the fault of a frame on a stream that we have not opened; those
// that we have, and that ended, may still get frames that were on their way. The
// caller holds mu.
func (c *conn) mustBePast(id uint32) error {
	if id%2 == 0 || id >= c.nextID {
		return http2.ConnectionError(errProtocol)
	}
	return nil
}

// headBlock is a header block while it is read. Its fields are kept up to a limit,
// but always decoded, because the decoder's table must see them.
type headBlock struct {
	id    uint32
	last  bool // the stream ends with it
	begun bool // and more fragments follow
	wire  int  // bytes of the fragments so far, and their frames' headers

	dec    *hpack.Decoder
	brief  bool // of an answer 200 nobody wants more than that
	fields []hpack.HeaderField
	size   int // of the list, RFC 9113, 6.5.2
	max    int
}

func (b *headBlock) init(limit int) {
	b.max = limit
	b.dec = hpack.NewDecoder(tableSize, b.field)
	b.dec.SetMaxStringLength(limit)
}

const (
	tableSize   = 4096 // of the peer's header table: we do not ask for another
	frameHeader = 9
)

func (b *headBlock) field(f hpack.HeaderField) {
	if b.size += int(f.Size()); b.size <= b.max {
		b.fields = append(b.fields, f)
	}
	if b.brief && len(b.fields) == 1 && f.Name == ":status" && f.Value == "200" {
		b.dec.SetEmitEnabled(false) // the table goes on
	}
}

// header takes a fragment of a header block, and the block when it is whole.
func (c *conn) header(id uint32, last bool, fragment []byte, whole bool) error {
	b := &c.head
	if !b.begun {
		clear(b.fields)
		b.id, b.last, b.wire, b.size, b.fields = id, last, 0, 0, b.fields[:0]
		b.brief = !c.wordy.Load()
		b.dec.SetEmitEnabled(true)
	}
	b.begun = !whole
	if b.wire += len(fragment) + frameHeader; b.wire > 2*b.max {
		return http2.ConnectionError(errCalm) // also if the fragments are empty
	}
	if _, err := b.dec.Write(fragment); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if !whole {
		return nil
	}
	if err := b.dec.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	mu := &c.pool.t.mu
	mu.Lock()
	defer mu.Unlock()
	st := c.streams[id]
	if st == nil {
		return c.mustBePast(id)
	}
	if err := st.take(b); err != nil {
		return err
	}
	return c.endOf(st, b.last)
}

// endOf ends a stream with whose last frame its answer is whole. The caller holds mu.
func (c *conn) endOf(st *stream, last bool) error {
	if !last {
		return nil
	}
	if err := st.checkLength(); err != nil {
		return err
	}
	c.close(st)
	return nil
}

// resetByPeer ends a stream, or sends its request again if the peer promises that
// it did not look at it. The caller holds mu.
func (c *conn) resetByPeer(f *http2.RSTStreamFrame) error {
	st := c.streams[f.StreamID]
	if st == nil {
		return c.mustBePast(f.StreamID)
	}
	err := http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode, Cause: errReset}
	if f.ErrCode == errRefused && st.status == 0 {
		c.limit = max(1, min(c.limit, len(c.streams)-1)) // until answers come, no more than it bears now
		c.repeat(err, func(x *stream) bool { return x == st })
		c.endIfLeft()
		return nil
	}
	c.drop(st)
	c.lose(st, err)
	return nil
}

var errReset = errors.New("reset by the peer")
