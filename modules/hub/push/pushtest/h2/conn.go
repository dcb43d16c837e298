package h2

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	handshakeTimeout = 10 * time.Second
	farewell         = 5 * time.Second // how long a connection may linger after GOAWAY
	streamWindow     = 1 << 20         // what a request body may send before our WINDOW_UPDATE
	connWindow       = 1 << 30
	defaultWindow    = 65535 // RFC 9113, 6.9.2
	maxWindow        = 1<<31 - 1
	maxHeaderBlock   = 64 << 10
	maxDataFrame     = 16384
)

// bufferedConn lets the server see whether more bytes have already arrived
// below TLS, so that it flushes once per burst instead of once per record.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (b *bufferedConn) Read(p []byte) (int, error) { return b.r.Read(p) }

type conn struct {
	srv *Server
	raw *bufferedConn
	tls *tls.Conn
	br  *bufio.Reader
	fr  *http2.Framer
	dec *hpack.Decoder

	// Owned by the reading goroutine.
	reading    *stream // whose header block is being decoded
	discarding bool    // the block is decoded only to keep the HPACK state
	blockEnds  bool    // END_STREAM came with the block's first frame
	blockSize  int
	maxID      uint32
	received   int // bytes of DATA not yet given back by WINDOW_UPDATE
	begun      int // streams, refused ones too
	served     int
	answer     Answer

	mu        sync.Mutex // what follows, and all writing
	bw        *bufio.Writer
	block     []byte
	streams   map[uint32]*stream
	spare     []*stream
	window    int64 // what we may still send on the connection
	initial   int64 // the window of a new stream
	blocked   []*stream
	leaving   bool // GOAWAY is sent: no new streams
	gone      bool // and every open stream is answered: nothing may be written
	delayed   delayQueue
	delayTick *time.Timer
}

// stream is an open request, or an answer that waits for window.
type stream struct {
	id     uint32
	req    Request
	window int64
	rest   []byte
}

func newConn(s *Server, nc net.Conn) *conn {
	raw := &bufferedConn{Conn: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	t := tls.Server(raw, s.cfg.TLS)
	c := &conn{
		srv: s, raw: raw, tls: t,
		br: bufio.NewReaderSize(t, 32<<10), bw: bufio.NewWriterSize(t, 32<<10),
		streams: map[uint32]*stream{}, window: defaultWindow, initial: defaultWindow,
	}
	c.fr = http2.NewFramer(c.bw, c.br)
	c.fr.SetReuseFrames()
	c.dec = hpack.NewDecoder(4096, c.field)
	c.dec.SetMaxStringLength(maxHeaderBlock)
	return c
}

// abort ends the connection with a TCP reset.
func (c *conn) abort() {
	if t, ok := c.raw.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.raw.Close()
}

func (c *conn) serve() {
	defer func() {
		_ = c.raw.Close()
		c.mu.Lock()
		c.streams = map[uint32]*stream{} // delayed answers find nothing to do
		c.mu.Unlock()
	}()
	if c.greet() != nil {
		return
	}
	for {
		f, err := c.fr.ReadFrame()
		if err == nil {
			err = c.locked(func() error { return c.frame(f) })
		}
		if c.isGone() {
			// Closing with unread bytes would reset the connection and take
			// answers still on their way with it.
			_, _ = io.Copy(io.Discard, c.raw)
			return
		}
		if err != nil && c.fail(err) {
			return
		}
		if c.br.Buffered() == 0 && c.raw.r.Buffered() == 0 {
			if c.locked(c.bw.Flush) != nil {
				return
			}
		}
	}
}

func (c *conn) locked(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f()
}

func (c *conn) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// greet shakes hands and exchanges the connection prefaces.
func (c *conn) greet() error {
	_ = c.raw.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := c.tls.Handshake(); err != nil {
		return err
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.br, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("h2: not an HTTP/2 client")
	}
	_ = c.raw.SetDeadline(time.Time{})
	return c.locked(func() error {
		return errors.Join(
			c.fr.WriteSettings(
				http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: c.srv.cfg.MaxStreams},
				http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
			),
			c.fr.WriteWindowUpdate(0, connWindow-defaultWindow),
			c.bw.Flush(),
		)
	})
}

// fail handles an error of the reading loop and reports whether it is the end.
func (c *conn) fail(err error) bool {
	if se, ok := errors.AsType[http2.StreamError](err); ok {
		return c.locked(func() error { c.drop(se.StreamID); return c.fr.WriteRSTStream(se.StreamID, se.Code) }) != nil
	}
	if ce, ok := errors.AsType[http2.ConnectionError](err); ok {
		_ = c.locked(func() error {
			_ = c.fr.WriteGoAway(c.maxID, http2.ErrCode(ce), nil)
			return c.bw.Flush()
		})
	}
	return true
}

// drop forgets a stream. The caller holds mu.
func (c *conn) drop(id uint32) {
	st := c.streams[id]
	if st == nil {
		return
	}
	delete(c.streams, id)
	for i, b := range c.blocked {
		if b == st {
			c.blocked = append(c.blocked[:i], c.blocked[i+1:]...)
			break
		}
	}
	st.rest = nil
	c.spare = append(c.spare, st)
	if c.leaving && len(c.streams) == 0 {
		_ = c.bw.Flush()
		_ = c.tls.CloseWrite()
		c.gone = true
	}
}

// open starts a stream. The caller holds mu.
func (c *conn) open(id uint32) *stream {
	var st *stream
	if n := len(c.spare); n > 0 {
		st, c.spare = c.spare[n-1], c.spare[:n-1]
		st.req = Request{Body: st.req.Body[:0], fields: st.req.fields[:0]}
	} else {
		st = &stream{}
	}
	st.id, st.window = id, c.initial
	c.streams[id] = st
	return st
}
