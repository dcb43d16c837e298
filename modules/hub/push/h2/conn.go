package h2

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	errNone     = http2.ErrCodeNo
	errProtocol = http2.ErrCodeProtocol
	errFlow     = http2.ErrCodeFlowControl
	errCancel   = http2.ErrCodeCancel
	errRefused  = http2.ErrCodeRefusedStream
	errCalm     = http2.ErrCodeEnhanceYourCalm
)

const (
	readBuffer = 32 << 10
	maxStream  = 1<<31 - 1
	farewell   = time.Second // for a peer that does not read our last words
)

// conn is one connection. Its reading goroutine owns what is listed first; the
// rest is guarded by Transport.mu, and methods that need it say so.
type conn struct {
	pool    *pool
	nc      net.Conn
	tls     *tls.ConnectionState
	fr      *http2.Framer
	settled chan struct{} // closed by the peer's first settings
	gone    chan struct{} // closed by the end

	head    headBlock   // that is being read
	greeted bool        // the peer's first settings have come
	wordy   atomic.Bool // a request was sent whose answer's fields matter whatever its status
	heard   atomic.Uint64

	out     []byte // frames to be written
	spare   []byte // the other buffer
	batch   uint64 // of the bytes in out: counts what the writer has taken
	replies int    // to the peer that are in out
	work    sync.Cond
	idle    bool // the writer waits for work

	enc     *hpack.Encoder
	block   bytes.Buffer
	table   uint64 // changes of the encoder's table, so far
	printed imprint

	streams map[uint32]*stream
	nextID  uint32
	allowed int       // streams at once: the peer's word, or our own bound
	limit   int       // the same, or less after it refused some
	window  int64     // what we may send on the connection
	initial int64     // and on a new stream
	maxList uint64    // what the peer takes of header fields
	blocked []*stream // whose bodies wait for a window
	owed    int64     // what the peer has sent of the connection's window and we have not given back

	last   uint32 // no stream above it is looked at; the peer's GOAWAY lowers it
	away   error  // that GOAWAY, or errUnneeded
	useful bool   // a request was answered
	ended  bool
	err    error // why; nil: nothing was wrong

	health
}

func newConn(p *pool, nc net.Conn) *conn {
	c := &conn{
		pool: p, nc: nc, settled: make(chan struct{}), gone: make(chan struct{}),
		streams: map[uint32]*stream{}, nextID: 1, last: maxStream,
		allowed: p.t.cfg.MaxStreams, limit: p.t.cfg.MaxStreams,
		window: defaultWindow, initial: defaultWindow, maxList: math.MaxUint64,
	}
	c.work.L = &p.t.mu
	c.fr = http2.NewFramer((*frames)(c), bufio.NewReaderSize(nc, readBuffer))
	c.fr.SetReuseFrames()
	c.fr.SetMaxReadFrameSize(maxFrame)
	c.enc = hpack.NewEncoder(&c.block)
	c.head.init(p.t.cfg.MaxHeader)
	return c
}

// start says who we are, and runs the goroutines.
func (c *conn) start() {
	t := c.pool.t
	t.mu.Lock()
	defer t.mu.Unlock()
	c.greet()
	t.running.Go(c.write)
	t.running.Go(c.read)
	c.watch(t.cfg.PingAfter)
}

// greet sends the connection's preface, RFC 9113, 3.4. The caller holds mu.
func (c *conn) greet() {
	cfg := &c.pool.t.cfg
	c.out = append(c.out, http2.ClientPreface...)
	_ = c.fr.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: c.pool.t.window()},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: uint32(cfg.MaxHeader)},
	)
	_ = c.fr.WriteWindowUpdate(0, connWindow-defaultWindow)
	c.ping()
}

// hasRoom reports whether the connection takes another request. The caller holds mu.
func (c *conn) hasRoom() bool {
	return len(c.streams) < c.limit && len(c.out) < congested
}

// open sends a request. The caller holds mu, and has asked hasRoom.
func (c *conn) open(st *stream) {
	if uint64(st.listSize) > c.maxList {
		st.finish(fmt.Errorf("h2: the request's header is %d bytes, the host takes at most %d", st.listSize, c.maxList))
		return
	}
	id := c.nextID
	c.nextID += 2
	st.begin(c, id)
	if st.form == nil && !c.wordy.Load() {
		c.wordy.Store(true)
	}
	c.streams[id] = st
	c.sendHeader(st)
	if len(st.rest) > 0 && !c.sendBody(st) {
		c.blocked = append(c.blocked, st)
	}
	c.time(st)
	if c.nextID > maxStream {
		c.pool.retreat(c)
	}
}

// reset takes a stream off the connection and tells the peer. The caller holds mu,
// and finishes the stream.
func (c *conn) reset(st *stream, code http2.ErrCode) {
	_ = c.fr.WriteRSTStream(st.id, code)
	c.drop(st)
}

// drop takes a stream off the connection; the next in the line gets its place.
// The caller holds mu, and finishes or repeats the stream.
func (c *conn) drop(st *stream) {
	delete(c.streams, st.id)
	if st.rest = nil; len(c.blocked) > 0 {
		c.blocked = slices.DeleteFunc(c.blocked, func(x *stream) bool { return x == st })
	}
	if c.timed == st {
		c.timed = nil
	}
	if len(c.pool.waiting) > 0 {
		c.pool.admit()
	}
	c.endIfLeft()
}

// leave lets the connection end with the requests that it has. The caller holds mu.
func (c *conn) leave() {
	c.away = errUnneeded
	c.pool.retreat(c)
	c.endIfLeft()
}

// errUnneeded is why a connection takes no requests that its peer would take.
var errUnneeded = errors.New("h2: other connections suffice")

// endIfLeft closes a connection that takes no requests once it has none. The
// caller holds mu.
func (c *conn) endIfLeft() {
	if len(c.streams) == 0 && (c.away != nil || c.nextID > maxStream) {
		c.end(nil)
	}
}

// close ends a stream whose answer is whole. The caller holds mu.
func (c *conn) close(st *stream) {
	c.arrived(st)
	if c.limit < c.allowed {
		c.limit++
	}
	if len(st.rest) > 0 {
		_ = c.fr.WriteRSTStream(st.id, errCancel) // the peer has answered without the rest
	}
	c.drop(st)
	st.finish(nil)
}

// goAway takes the peer's farewell: streams above last were not looked at, those
// below go on. The caller holds mu.
func (c *conn) goAway(f *http2.GoAwayFrame) error {
	if f.LastStreamID > c.last {
		return http2.ConnectionError(errProtocol)
	}
	c.last = f.LastStreamID
	//nolint:staticcheck // SA1019: what callers of x/net's transport look for
	c.away = http2.GoAwayError{LastStreamID: f.LastStreamID, ErrCode: f.ErrCode, DebugData: string(f.DebugData())}
	c.pool.retreat(c)
	c.repeat(c.away, func(st *stream) bool { return st.id > c.last })
	c.endIfLeft()
	return nil
}

// repeat gives the streams that unseen picks back to the pool. The caller holds mu.
func (c *conn) repeat(cause error, unseen func(*stream) bool) {
	var back []*stream
	for id, st := range c.streams {
		if unseen(st) {
			delete(c.streams, id)
			back = append(back, st)
		}
	}
	if len(back) == 0 {
		return
	}
	c.blocked = slices.DeleteFunc(c.blocked, unseen)
	c.timed = nil
	slices.SortFunc(back, func(a, b *stream) int { return int(a.id) - int(b.id) })
	c.pool.repeat(back, cause)
}

// fail ends the connection because of err, the peer's fault or the network's.
// What never left this process is sent elsewhere. The caller holds mu.
func (c *conn) fail(err error) {
	if c.ended {
		return
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.pool.retreat(c)
	c.out = c.out[:0] // nobody must see what will be sent elsewhere
	if ce, ok := errors.AsType[http2.ConnectionError](err); ok {
		_ = c.fr.WriteGoAway(0, http2.ErrCode(ce), nil)
	}
	if c.useful {
		err = &LostError{err}
	}
	unseen := func(st *stream) bool { return st.batch == c.batch }
	rest := c.streams
	c.repeat(err, unseen)
	c.streams, c.blocked = map[uint32]*stream{}, nil
	for _, st := range rest {
		c.lose(st, err)
	}
	c.end(err)
}

// lose ends a stream that will get nothing more. A status that has come counts.
// The caller holds mu, and has taken the stream off.
func (c *conn) lose(st *stream, err error) {
	if st.status == 0 {
		st.finish(err)
		return
	}
	st.cut = err
	st.finish(nil)
}

// end closes the connection after what is in the buffer; it has no streams. The
// caller holds mu.
func (c *conn) end(err error) {
	if c.ended {
		return
	}
	if err == nil {
		_ = c.fr.WriteGoAway(0, errNone, nil)
	}
	c.ended, c.err = true, err
	c.work.Signal()
	c.unwatch()
	time.AfterFunc(farewell, func() { _ = c.nc.Close() })
	close(c.gone)
	c.pool.remove(c)
}
