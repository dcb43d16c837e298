package wicket

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// deskSize bounds an ordinary request, head and body, in bytes: it is what net/http
// keeps for a connection too.
const deskSize = 4 << 10

// desk serves one connection.
type desk struct {
	wicket *Wicket
	conn   *net.TCPConn
	in     [deskSize]byte
	answer answer

	// Of the request, used again and again: whoever serves it may not keep them.
	header http.Header
	body   bytes.Reader
	url    url.URL
	req    http.Request
	blank  *http.Request // what all requests of the connection have in common

	readBy, writeBy time.Time // the deadlines set last
}

func newDesk(w *Wicket, c *net.TCPConn) *desk {
	d := &desk{wicket: w, conn: c, header: make(http.Header, 16), answer: answer{header: make(http.Header, 16)}}
	d.blank = d.common(context.WithValue(w.cfg.Context, http.LocalAddrContextKey, c.LocalAddr()), c.RemoteAddr().String())
	return d
}

func (d *desk) common(ctx context.Context, caller string) *http.Request {
	r := http.Request{Method: http.MethodPost, URL: &d.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: d.header,
		Body: io.NopCloser(&d.body), RemoteAddr: caller}
	return r.WithContext(ctx)
}

// serve serves one ordinary request after the other; the first other one goes to
// net/http with the connection.
func (d *desk) serve() {
	wait := d.wicket.cfg.First
	for {
		n, ok := d.read(wait)
		if !ok {
			_ = d.conn.Close()
			return
		}
		req, ordinary := d.parse(d.in[:n])
		if !ordinary {
			_ = d.conn.SetDeadline(time.Time{})
			d.wicket.pass(&begun{d.conn, bytes.Clone(d.in[:n])})
			return
		}
		if !d.handle(req) {
			_ = d.conn.Close()
			return
		}
		wait = d.wicket.cfg.Idle
	}
}

// read waits for bytes. false: there is nothing to come.
func (d *desk) read(wait time.Duration) (int, bool) {
	// A deadline is moved when half of it is over, not for each request.
	if now := time.Now(); d.readBy.Sub(now) < wait/2 {
		d.readBy = now.Add(wait)
		_ = d.conn.SetReadDeadline(d.readBy)
	}
	if d.wicket.closing.Load() { // after the deadline, which Shutdown moves when it has said so
		return 0, false
	}
	n, err := d.conn.Read(d.in[:])
	return n, err == nil && n > 0
}

// handle answers a request. false: the connection is of no more use.
func (d *desk) handle(req *http.Request) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			ok = false // http.ErrAbortHandler; all else is web.Recover's to see
		}
	}()
	d.answer.reset()
	d.wicket.cfg.Handler.ServeHTTP(&d.answer, req)
	last := d.wicket.closing.Load()
	out := d.answer.finish(last)
	if now := time.Now(); d.writeBy.Sub(now) < d.wicket.cfg.Write/2 {
		d.writeBy = now.Add(d.wicket.cfg.Write)
		_ = d.conn.SetWriteDeadline(d.writeBy)
	}
	_, err := d.conn.Write(out)
	return err == nil && !last && !d.answer.closes()
}

// request makes the *http.Request of a head that parse has read.
func (d *desk) request(h head, body []byte) *http.Request {
	d.body.Reset(body)
	d.url = url.URL{Path: h.path}
	d.req = *d.blank
	d.req.ContentLength, d.req.Host, d.req.RequestURI = int64(len(body)), h.host, h.path
	return &d.req
}
