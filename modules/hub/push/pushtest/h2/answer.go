package h2

import (
	"container/heap"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http2"
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
	c.block = appendStatus(c.block[:0], a.Status)
	for _, f := range a.Fields {
		c.block = appendField(c.block, f)
	}
	err := c.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: st.id, BlockFragment: c.block, EndHeaders: true, EndStream: len(a.Body) == 0,
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

// The header fields of an answer (RFC 7541, 6.2.2) are literals without indexing: they have
// no state, so answers may be encoded in any order, and no Huffman code, which costs more
// time than it saves bytes.

func appendStatus(b []byte, status int) []byte {
	if status == 200 {
		return append(b, 0x80|8) // the static table has it whole
	}
	b = append(b, 8)
	return appendString(b, strconv.Itoa(status))
}

func appendField(b []byte, f Field) []byte {
	b = append(b, 0)
	return appendString(appendString(b, f.Name), f.Value)
}

// appendString is a string with its length before it (RFC 7541, 5.1 and 5.2).
func appendString(b []byte, s string) []byte {
	const most = 1<<7 - 1 // what fits beside the flag
	if len(s) < most {
		b = append(b, byte(len(s)))
	} else {
		b = binary.AppendUvarint(append(b, most), uint64(len(s)-most))
	}
	return append(b, s...)
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
