package h2

import (
	"errors"
	"runtime"

	"golang.org/x/net/http2"
)

const (
	// congested is how much may wait to be written, in bytes, before no further
	// request is taken: a peer that reads slowly slows us down.
	congested = 256 << 10
	// maxReplies is how many frames the peer may make us write (PING, SETTINGS) before it
	// reads any.
	maxReplies = 10_000
	// keep is the largest buffer that is used again.
	keep = 1 << 20
	// maxFrame is what every peer takes in a frame (RFC 9113, 4.2).
	maxFrame = 16 << 10
)

// frames is a connection as the io.Writer of its Framer: Write appends to what the
// writing goroutine will take. The caller holds mu.
type frames conn

func (f *frames) Write(b []byte) (int, error) {
	f.out = append(f.out, b...)
	if f.idle {
		f.idle = false
		f.work.Signal()
	}
	return len(b), nil
}

// write runs as the connection's writing goroutine.
func (c *conn) write() {
	defer c.hangUp()
	for {
		b := c.take()
		if b == nil {
			return
		}
		_, err := c.nc.Write(b)
		if !c.wrote(b, err) {
			return
		}
	}
}

// hangUp closes the connection; after a fault of the peer's only for writing, because
// closing it with unread bytes would reset it and take our GOAWAY along.
func (c *conn) hangUp() {
	mu := &c.pool.t.mu
	mu.Lock()
	fault := isFault(c.err)
	mu.Unlock()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && fault && half.CloseWrite() == nil {
		return // the reading goroutine does the rest
	}
	_ = c.nc.Close()
}

// isFault reports whether err is a fault of the peer's, which it is told of.
func isFault(err error) bool {
	_, ok := errors.AsType[http2.ConnectionError](err)
	return ok
}

// take waits for frames and returns all of them; nil at the end.
func (c *conn) take() []byte {
	mu := &c.pool.t.mu
	mu.Lock()
	defer mu.Unlock()
	for len(c.out) == 0 {
		if c.ended {
			return nil
		}
		c.idle = true
		c.work.Wait()
	}
	c.idle = false
	// Whoever is ready to send gets to append first: waking for each request would
	// cost more than sharing a write saves.
	mu.Unlock()
	runtime.Gosched()
	mu.Lock()
	b := c.out
	c.out, c.spare = c.spare[:0], nil
	c.batch++
	c.replies = 0
	if len(b) >= congested && len(c.pool.waiting) > 0 {
		c.pool.admit()
	}
	return b
}

// wrote takes the buffer back and reports whether to go on.
func (c *conn) wrote(b []byte, err error) bool {
	mu := &c.pool.t.mu
	mu.Lock()
	defer mu.Unlock()
	if cap(b) <= keep {
		c.spare = b
	}
	if err != nil {
		c.fail(err)
	}
	return err == nil
}

// sendHeader writes a request's header block, in as many frames as it needs. The
// caller holds mu.
func (c *conn) sendHeader(st *stream) {
	c.block.Reset()
	c.encode(&st.request)
	b := c.block.Bytes()
	first := b[:min(len(b), maxFrame)]
	b = b[len(first):]
	_ = c.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: st.id, BlockFragment: first, EndHeaders: len(b) == 0, EndStream: len(st.rest) == 0,
	})
	for len(b) > 0 {
		part := b[:min(len(b), maxFrame)]
		b = b[len(part):]
		_ = c.fr.WriteContinuation(st.id, len(b) == 0, part)
	}
}

// sendBody writes what the windows allow of a request's body, and reports whether
// that was all. The caller holds mu.
func (c *conn) sendBody(st *stream) bool {
	for len(st.rest) > 0 {
		n := int(min(int64(len(st.rest)), int64(maxFrame), st.window, c.window))
		if n <= 0 {
			return false
		}
		_ = c.fr.WriteData(st.id, n == len(st.rest), st.rest[:n])
		st.rest = st.rest[n:]
		st.window -= int64(n)
		c.window -= int64(n)
	}
	return true
}

// unblock goes on with the bodies that waited for a window. The caller holds mu.
func (c *conn) unblock() {
	waiting := c.blocked[:0]
	for _, st := range c.blocked {
		if !c.sendBody(st) {
			waiting = append(waiting, st)
		}
	}
	clear(c.blocked[len(waiting):])
	c.blocked = waiting
}
