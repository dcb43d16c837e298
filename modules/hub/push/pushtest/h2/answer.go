package h2

import (
	"container/heap"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// handle answers a complete request. The caller holds mu.
func (c *conn) handle(st *stream) error {
	c.answer = Answer{Fields: c.answer.Fields[:0]}
	c.srv.cfg.Handler(&st.req, &c.answer)
	c.served++
	if n := c.srv.cfg.CutEvery; n > 0 && c.served%n == 0 {
		c.abort()
		return nil
	}
	if n := c.srv.cfg.GoAwayEvery; n > 0 && c.served == n {
		if err := c.leave(st.id); err != nil {
			return err
		}
	}
	switch c.answer.Action {
	case Ignore:
		return nil
	case Reset:
		c.drop(st.id)
		return c.fr.WriteRSTStream(st.id, http2.ErrCodeInternal)
	case CloseConn:
		c.abort()
		return nil
	}
	if c.answer.Delay > 0 {
		c.postpone(st.id)
		return nil
	}
	return c.respond(st, &c.answer)
}

// leave says goodbye: streams above last are dropped unserved, so the client
// may repeat them elsewhere, and the connection closes after the others.
func (c *conn) leave(last uint32) error {
	for id := range c.streams {
		if id > last {
			c.drop(id)
		}
	}
	c.leaving = true
	_ = c.raw.SetReadDeadline(time.Now().Add(farewell))
	return c.fr.WriteGoAway(last, http2.ErrCodeNo, nil)
}

func (c *conn) respond(st *stream, a *Answer) error {
	c.block.Reset()
	_ = c.enc.WriteField(hpack.HeaderField{Name: ":status", Value: statusText(a.Status)})
	for _, f := range a.Fields {
		_ = c.enc.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value})
	}
	err := c.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: st.id, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: len(a.Body) == 0,
	})
	if err != nil {
		return err
	}
	if len(a.Body) == 0 {
		c.drop(st.id)
		return nil
	}
	st.rest = a.Body
	c.blocked = append(c.blocked, st)
	return c.unblock()
}

func statusText(status int) string {
	switch status {
	case 200:
		return "200"
	case 201:
		return "201"
	}
	return strconv.Itoa(status)
}

// unblock sends what the windows allow of the bodies that wait.
func (c *conn) unblock() error {
	for i := 0; i < len(c.blocked); {
		st := c.blocked[i]
		n := int(min(int64(len(st.rest)), st.window, c.window, maxDataFrame))
		if n <= 0 {
			i++
			continue
		}
		end := n == len(st.rest)
		if err := c.fr.WriteData(st.id, end, st.rest[:n]); err != nil {
			return err
		}
		st.rest = st.rest[n:]
		st.window -= int64(n)
		c.window -= int64(n)
		if end {
			c.drop(st.id) // takes it out of blocked as well
		}
	}
	return nil
}

// later is an answer that waits for its time.
type later struct {
	at     time.Time
	id     uint32
	answer Answer
}

type delayQueue []later //nolint:recvcheck // container/heap: only Push and Pop change the slice itself

func (q delayQueue) Len() int           { return len(q) }
func (q delayQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q delayQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *delayQueue) Push(x any)        { *q = append(*q, x.(later)) }
func (q *delayQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func (c *conn) postpone(id uint32) {
	l := later{at: time.Now().Add(c.answer.Delay), id: id, answer: c.answer}
	l.answer.Fields = slices.Clone(c.answer.Fields)
	heap.Push(&c.delayed, l)
	if c.delayTick == nil {
		c.delayTick = time.AfterFunc(c.answer.Delay, c.tick)
	} else if c.delayed[0].id == id {
		c.delayTick.Reset(c.answer.Delay)
	}
}

// tick sends every answer that is due, in one flush.
func (c *conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.delayed) > 0 && !c.delayed[0].at.After(now) {
		l := heap.Pop(&c.delayed).(later)
		if st := c.streams[l.id]; st != nil { // not reset meanwhile
			if c.respond(st, &l.answer) != nil {
				return
			}
		}
	}
	_ = c.bw.Flush()
	if len(c.delayed) > 0 {
		c.delayTick.Reset(time.Until(c.delayed[0].at))
	}
}
