package embedded

import (
	"net"
	"sync"
)

// eagerConn is one end of a net.Pipe whose writes do not wait for the other end to
// read. Without it, a client that sends a long pipeline and the store that answers
// its first command would each wait for the other to read; a socket has buffers
// that prevent that.
type eagerConn struct {
	net.Conn
	mu     sync.Mutex
	more   sync.Cond
	unsent []byte
	err    error // of the connection; later writes fail with it
}

func newEagerConn(c net.Conn) *eagerConn {
	e := &eagerConn{Conn: c}
	e.more.L = &e.mu
	go e.send()
	return e
}

// Write takes b over and returns at once.
func (e *eagerConn) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return 0, e.err
	}
	e.unsent = append(e.unsent, b...)
	e.more.Signal()
	return len(b), nil
}

// Close ends the connection; what was not sent yet is dropped.
func (e *eagerConn) Close() error {
	e.fail(net.ErrClosed)
	return e.Conn.Close()
}

func (e *eagerConn) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
	e.more.Signal()
}

// send hands what was written to the other end, until the connection ends.
func (e *eagerConn) send() {
	var sending []byte
	for {
		e.mu.Lock()
		for len(e.unsent) == 0 && e.err == nil {
			e.more.Wait()
		}
		if e.err != nil {
			e.mu.Unlock()
			return
		}
		sending, e.unsent = e.unsent, sending[:0]
		e.mu.Unlock()
		if _, err := e.Conn.Write(sending); err != nil {
			e.fail(err)
			return
		}
	}
}
