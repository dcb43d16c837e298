package window

import (
	"encoding/binary"
	"math"
)

// count is how many values there were.
type count struct{ n int64 }

func (c *count) Add(Value)               { c.n++ }
func (c *count) Merge(o State)           { c.n += o.(*count).n }
func (c *count) Clone() State            { d := *c; return &d }
func (c *count) Result() (float64, bool) { return float64(c.n), true }

func (c *count) AppendBinary(to []byte) []byte { return binary.AppendUvarint(to, uint64(c.n)) }

func (c *count) decode(data []byte) error {
	n, size := binary.Uvarint(data)
	if size <= 0 || size != len(data) || n > math.MaxInt64 {
		return errState
	}
	c.n = int64(n)
	return nil
}

// sum adds with Neumaier's compensation, so that the order hardly matters.
// Source: A. Neumaier, ZAMM 54 (1974), 39–51.
type sum struct{ total, lost float64 }

func (s *sum) Add(v Value) { s.add(v.Number) }

func (s *sum) add(x float64) {
	t := s.total + x
	if math.Abs(s.total) >= math.Abs(x) {
		s.lost += (s.total - t) + x
	} else {
		s.lost += (x - t) + s.total
	}
	s.total = t
}

func (s *sum) Merge(o State) {
	p := o.(*sum)
	s.add(p.total)
	s.lost += p.lost
}

func (s *sum) Clone() State                  { d := *s; return &d }
func (s *sum) Result() (float64, bool)       { return finite(s.total + s.lost) }
func (s *sum) AppendBinary(to []byte) []byte { return appendFloats(to, s.total, s.lost) }
func (s *sum) decode(data []byte) error      { return readFloats(data, &s.total, &s.lost) }

// extreme is the largest value, or with sign −1 the smallest.
type extreme struct {
	sign  float64
	value float64
	any   bool
}

func (e *extreme) Add(v Value) {
	if !e.any || e.sign*v.Number > e.sign*e.value {
		e.value, e.any = v.Number, true
	}
}

func (e *extreme) Merge(o State) {
	if p := o.(*extreme); p.any {
		e.Add(Value{Number: p.value})
	}
}

func (e *extreme) Clone() State { d := *e; return &d }

func (e *extreme) Result() (float64, bool) {
	v, ok := finite(e.value)
	return v, ok && e.any
}

func (e *extreme) AppendBinary(to []byte) []byte {
	if !e.any {
		return to
	}
	return appendFloats(to, e.value)
}

func (e *extreme) decode(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	e.any = true
	return readFloats(data, &e.value)
}

// moments is the mean, and with second the variance.
// Source: Welford's update; merging by Chan, Golub and LeVeque (1979).
type moments struct {
	second   bool
	n        int64
	mean, m2 float64
}

func (m *moments) Add(v Value) {
	m.n++
	d := v.Number - m.mean
	m.mean += d / float64(m.n)
	m.m2 += d * (v.Number - m.mean)
}

func (m *moments) Merge(o State) {
	p := o.(*moments)
	if p.n == 0 {
		return
	}
	n := m.n + p.n
	d := p.mean - m.mean
	m.mean += d * (float64(p.n) / float64(n))
	m.m2 += p.m2 + d*d*(float64(m.n)*float64(p.n)/float64(n))
	m.n = n
}

func (m *moments) Clone() State { d := *m; return &d }

func (m *moments) Result() (float64, bool) {
	switch {
	case m.n == 0, m.second && m.n < 2:
		return 0, false
	case m.second:
		return finite(max(m.m2, 0) / float64(m.n-1))
	}
	return finite(m.mean)
}

func (m *moments) AppendBinary(to []byte) []byte {
	return appendFloats(binary.AppendUvarint(to, uint64(m.n)), m.mean, m.m2)
}

func (m *moments) decode(data []byte) error {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > math.MaxInt64/2 {
		return errState
	}
	m.n = int64(n)
	return readFloats(data[size:], &m.mean, &m.m2)
}

// finite turns what JSON cannot carry into "no result".
func finite(v float64) (float64, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

func appendFloats(to []byte, floats ...float64) []byte {
	for _, f := range floats {
		to = binary.LittleEndian.AppendUint64(to, math.Float64bits(f))
	}
	return to
}

// readFloats reads exactly as many floats as there are places.
func readFloats(data []byte, into ...*float64) error {
	if len(data) != 8*len(into) {
		return errState
	}
	for i, f := range into {
		*f = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return nil
}
