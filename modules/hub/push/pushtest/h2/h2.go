// Package h2 is an HTTP/2 server cheap enough to simulate push services.
//
// net/http spends about 33 µs on a request, more than the clients under
// measurement. Here one goroutine per connection reads frames, answers inline
// and flushes only when nothing more waits to be read. It speaks true HTTP/2
// over TLS (RFC 9113): settings, pings, flow control, continuations, resets,
// GOAWAY and a stream limit, and it can be told to misbehave.
package h2

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Field is one header field; Name in lower case.
type Field struct{ Name, Value string }

// Request is a complete request. It and its Body live only until the handler
// returns; copy what must stay.
type Request struct {
	Method string
	Path   string
	Body   []byte // its first MaxBody bytes
	Size   int    // length of the whole body in bytes
	fields []Field
}

// Get is the value of the field called name (lower case), or "".
func (r *Request) Get(name string) string {
	for i := range r.fields {
		if r.fields[i].Name == name {
			return r.fields[i].Value
		}
	}
	return ""
}

// Action is what to do instead of answering.
type Action uint8

// Actions.
const (
	Respond   Action = iota // send Status, Fields and Body
	Ignore                  // never answer; the stream stays open
	Reset                   // reset the stream with INTERNAL_ERROR
	CloseConn               // close the connection at once, unflushed
)

// Answer is what the handler wants done; the handler gets it empty. Fields must
// fit one frame of 16 KiB.
type Answer struct {
	Action Action
	Status int
	Fields []Field
	Body   []byte        // not copied: must not change afterwards
	Delay  time.Duration // answer no earlier than this from now
}

// MaxBody is how much of a request's body is kept, in bytes.
const MaxBody = 64 << 10

// Config of a Server.
type Config struct {
	TLS         *tls.Config
	Handler     func(*Request, *Answer) // called by one goroutine per connection
	MaxStreams  uint32                  // open requests per connection, ≥ 1
	GoAwayEvery int                     // GOAWAY after so many requests on a connection; 0: never
	CutEvery    int                     // the connection closes at every so manyth request on it, unanswered; 0: never
	RefuseEvery int                     // every so manyth stream of a connection is refused unseen; 0: none
}

// Server accepts connections until closed.
type Server struct {
	cfg    Config
	ln     net.Listener
	opened atomic.Int64
	refuse atomic.Bool
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[*conn]struct{}
	done  bool
}

// Serve starts to serve ln and returns at once.
func Serve(ln net.Listener, cfg Config) *Server {
	s := &Server{cfg: cfg, ln: ln, conns: map[*conn]struct{}{}}
	s.cfg.TLS = cfg.TLS.Clone()
	s.cfg.TLS.NextProtos = []string{"h2"}
	s.wg.Go(s.accept)
	return s
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Connections counts the connections accepted so far.
func (s *Server) Connections() int64 { return s.opened.Load() }

// Open counts the connections that are open now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Refuse resets every open connection, and each new one until Refuse(false).
func (s *Server) Refuse(on bool) {
	s.refuse.Store(on)
	if on {
		s.closeAll()
	}
}

// Close stops the server and waits for its goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	err := s.ln.Close()
	s.closeAll()
	s.wg.Wait()
	return err
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.abort()
	}
}

func (s *Server) accept() {
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.opened.Add(1)
		c := newConn(s, nc)
		if s.refuse.Load() || !s.keep(c) {
			c.abort()
			continue
		}
		s.wg.Go(func() {
			c.serve()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

func (s *Server) keep(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}
