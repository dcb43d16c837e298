package h2

import (
	"sync"

	"golang.org/x/net/http2/hpack"
)

// stream is one request on its way: prepared, waiting, sent, answered. It is its
// caller's before submit and after done, and the transport's between.
type stream struct {
	request

	pool  *pool
	conn  *conn         // nil while it waits
	done  chan struct{} // gets one token when the stream has its end
	over  bool          // it has
	err   error         // the end, if it is no answer
	tries int           // how often peers did not look at it
	term  *term         // that it shares with others; nil: its caller sees to its own context

	id     uint32
	batch  uint64 // of the connection's buffer that holds its header
	window int64  // what we may send on it
	rest   []byte // of the body, still to be sent

	answer
}

var streams = sync.Pool{New: func() any { return &stream{done: make(chan struct{}, 1)} }}

// release gives the stream back for another request. The caller's answer keeps
// nothing of it.
func (st *stream) release() {
	if st.form != nil { // whose parts are not ours to use again
		st.constant, st.body = nil, nil
	}
	clear(st.fields)
	clear(st.constant)
	*st = stream{
		done:    st.done,
		request: request{constant: st.constant[:0], path: st.path[:0], literals: st.literals[:0], body: st.body[:0]},
		answer:  answer{fields: st.fields[:0]},
	}
	streams.Put(st)
}

// begin makes the stream ready for a connection, also for a second one.
func (st *stream) begin(c *conn, id uint32) {
	st.conn, st.id, st.batch = c, id, c.batch
	st.window, st.rest = c.initial, st.body
	st.answer = answer{fields: st.fields[:0], declared: -1}
}

// finish ends the stream, once. The caller holds mu, and has taken the stream out
// of its connection or line.
func (st *stream) finish(err error) {
	st.over, st.err = true, err
	st.rest = nil
	t := st.pool.t
	if t.flying--; t.flying == 0 {
		t.ashore.Broadcast()
	}
	st.done <- struct{}{}
}

// cancel ends the stream for its caller, if it has no end yet: the peer is told,
// and the place is free. The caller holds mu.
func (st *stream) cancel(err error) {
	switch {
	case st.over:
	case st.conn == nil:
		st.pool.leave(st)
		st.finish(err)
	default:
		st.conn.reset(st, errCancel)
		st.finish(err)
	}
}

// request is what is sent: the fields that repeat and those that do not, apart.
type request struct {
	form      *Form // that was filled in; nil: a request of its own
	head      bool  // HEAD: an answer has no body whatever its length says
	method    string
	authority string
	constant  []hpack.HeaderField // worth a place in the header table
	path      []byte              // :path, encoded
	literals  []byte              // the other fields, encoded
	listSize  int                 // of all fields, as RFC 9113, 6.5.2 counts
	body      []byte
}

// answer is what has come of the answer.
type answer struct {
	status   int // 0: no final header yet
	fields   []hpack.HeaderField
	trailer  []hpack.HeaderField
	heads    int    // bytes of all header blocks so far, as the list's size counts them
	data     []byte // of the body; the caller's at the end
	received int64  // length of the body so far
	declared int64  // content-length; -1: none
	cut      error  // why the body is not whole
}
