package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is clients that each do one thing after the other over a connection of their
// own. They write and read HTTP/1.1 themselves: net/http's client would take as
// much of the shared cores as the server.
type load struct {
	doors   []string // host:port; clients are spread over them
	key     string   // of the API
	clients int
	n       int     // things to do, all clients together
	rate    float64 // things a second that become due, whether earlier ones are done or not; 0: as fast as answers come
	do      func(c *client, i int) error
}

// run does everything. waits are how long each took: from when it was due, not from
// when a client had time for it, so that a stall counts for all it kept waiting
// (coordinated omission).
func (l load) run(ctx context.Context) (took time.Duration, waits []time.Duration, err error) {
	clients := make([]*client, l.clients)
	for i := range clients {
		if clients[i], err = dial(ctx, l.doors[i%len(l.doors)], l.key); err != nil {
			return 0, nil, err
		}
		defer clients[i].conn.Close()
	}
	waits = make([]time.Duration, l.n)
	failed := make([]error, l.clients)
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for at, c := range clients {
		all.Go(func() {
			for failed[at] == nil && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= l.n {
					return
				}
				due := time.Now()
				if l.rate > 0 {
					due = start.Add(time.Duration(float64(i) / l.rate * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				failed[at] = l.do(c, i)
				waits[i] = time.Since(due)
			}
		})
	}
	all.Wait()
	return time.Since(start), waits, errors.Join(errors.Join(failed...), ctx.Err())
}

// laps is a thing measured in rounds, in turn with what it is compared with.
type laps struct {
	n     int
	took  time.Duration
	waits []time.Duration
}

func (l *laps) run(ctx context.Context, round load) error {
	took, waits, err := round.run(ctx)
	l.add(laps{round.n, took, waits})
	return err
}

func (l *laps) add(more laps) {
	l.n, l.took, l.waits = l.n+more.n, l.took+more.took, append(l.waits, more.waits...)
}

func (l *laps) rate() float64 { return float64(l.n) / l.took.Seconds() }

func (l *laps) String() string {
	return fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms", l.rate(), ms(quantile(l.waits, 0.5)), ms(quantile(l.waits, 0.99)))
}

// client is one connection kept alive.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	head string // of every request: Host and Authorization
	out  []byte
	body []byte // of the last answer
}

func dial(ctx context.Context, door, key string) (*client, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", door)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), head: " HTTP/1.1\r\nHost: " + door + "\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n"}, nil
}

// post sends body and reads the answer into c.body. Anything but 2xx is an error.
func (c *client) post(path, key string, body []byte) error {
	c.out = append(append(append(c.out[:0], "POST "...), path...), c.head...)
	if key != "" {
		c.out = append(append(append(c.out, "Idempotency-Key: "...), key...), "\r\n"...)
	}
	c.out = append(strconv.AppendInt(append(c.out, "Content-Length: "...), int64(len(body)), 10), "\r\n\r\n"...)
	if _, err := c.conn.Write(append(c.out, body...)); err != nil {
		return err
	}
	return c.answer()
}

var contentLength = []byte("Content-Length: ")

func (c *client) answer() error {
	status, err := c.in.ReadString('\n')
	if err != nil {
		return err
	}
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		if after, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(after)); err != nil {
				return err
			}
		}
	}
	if length < 0 || length > 1<<20 {
		return errors.New("an answer without a length: " + status)
	}
	c.body = append(c.body[:0], make([]byte, length)...)
	for got := 0; got < length; {
		n, err := c.in.Read(c.body[got:])
		if err != nil {
			return err
		}
		got += n
	}
	if len(status) < 10 || status[9] != '2' {
		return fmt.Errorf("%s: %s", strings.TrimSpace(status), c.body[:min(len(c.body), 500)])
	}
	return nil
}

// text is the value of a member of the last answer that is a string without escapes.
func (c *client) text(name string) (string, error) {
	_, after, found := bytes.Cut(c.body, []byte(`"`+name+`":"`))
	value, _, ended := bytes.Cut(after, []byte(`"`))
	if !found || !ended {
		return "", fmt.Errorf("the answer has no %s: %s", name, c.body)
	}
	return string(value), nil
}

// inTurn has clients do n things, each the next that is not begun.
func inTurn(ctx context.Context, clients, n int, do func(i int) error) (time.Duration, error) {
	failed := make([]error, clients)
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for at := range clients {
		all.Go(func() {
			for failed[at] == nil && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				failed[at] = do(i)
			}
		})
	}
	all.Wait()
	return time.Since(start), errors.Join(errors.Join(failed...), ctx.Err())
}
