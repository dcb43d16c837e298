// Package window counts events in windows of time: which time counts for an event
// that is late, which windows it belongs to, and what aggregates say about them.
//
// It holds no clock and does no I/O. A stream is cut into parts (panes of time, or
// sessions), each with the aggregate's partial state. Parts of several partitions
// or processes join, in any order, to the same parts as all their events together.
package window

import (
	"cmp"
	"slices"
	"time"
)

// Kind is one of the five kinds of window. All are intervals (start, end].
type Kind string

// The kinds.
const (
	Tumbling Kind = "tumbling" // one after the other, Size long
	Hopping  Kind = "hopping"  // Size long, a new one every Hop
	Sliding  Kind = "sliding"  // Size long, whenever what is in it changes, looked at every Hop
	Session  Kind = "session"  // from a first event until nothing came for Gap
	Snapshot Kind = "snapshot" // all events of one instant
)

// Kinds are all kinds, in the order people are offered them.
var Kinds = []Kind{Tumbling, Hopping, Sliding, Session, Snapshot}

// Window says how a stream is cut. Check tells whether the fields fit the kind.
// Windows are aligned to 1970-01-01 00:00 UTC.
type Window struct {
	Kind Kind
	Size time.Duration // tumbling, hopping, sliding
	Hop  time.Duration // hopping, sliding
	Gap  time.Duration // session
}

// step is the width of a pane: every window but a session is a whole number of them.
func (w Window) step() Micros {
	switch w.Kind {
	case Tumbling:
		return span(w.Size)
	case Snapshot:
		return 1
	}
	return span(w.Hop)
}

// Reach is how long after its end a part still matters: to the windows ahead, or
// as the session that it may yet be part of.
func (w Window) Reach() time.Duration {
	switch w.Kind {
	case Hopping:
		return w.Size - w.Hop
	case Sliding:
		return w.Size
	case Session:
		return w.Gap
	}
	return 0
}

// Part is the partial state of one pane (Start, End], or of one session, whose
// Start and End are its first and last event.
type Part struct {
	Start, End Micros
	Facts      int64 // events in it
	State      State
}

// Place is the span of the part that an event at t alone would make.
func (w Window) Place(t Micros) (start, end Micros) {
	if w.Kind == Session {
		return t, t
	}
	step := w.step()
	end = t - t%step
	if end < t {
		end += step
	}
	return end - step, end
}

// Touches reports whether b, which does not start before a, belongs to the same part.
func (w Window) Touches(a, b Part) bool {
	if w.Kind == Session {
		return b.Start-a.End <= span(w.Gap)
	}
	return a.Start == b.Start
}

// Add counts an event at t in a key's parts, which are in order of Start, and
// gives the new parts. a makes the state of new ones.
func (w Window) Add(parts []Part, t Micros, v Value, a Aggregate) []Part {
	start, end := w.Place(t)
	one := Part{Start: start, End: end, Facts: 1}
	i := len(parts)
	if i > 0 && parts[i-1].Start > start {
		i, _ = slices.BinarySearchFunc(parts, start+1, func(p Part, s Micros) int { return cmp.Compare(p.Start, s) })
	}
	switch { // parts[i-1] starts at or before the event, parts[i] after it
	case i > 0 && w.Touches(parts[i-1], one):
		i--
	case i < len(parts) && w.Touches(one, parts[i]):
		parts[i].Start = start
	default:
		one.State = a.New()
		one.State.Add(v)
		return slices.Insert(parts, i, one)
	}
	p := &parts[i]
	p.State.Add(v)
	p.Facts++
	p.End = max(p.End, end)
	if i+1 < len(parts) && w.Touches(*p, parts[i+1]) { // the event closed a gap between two sessions
		p.take(parts[i+1])
		parts = slices.Delete(parts, i+1, i+2)
	}
	return parts
}

func (p *Part) take(q Part) {
	p.State.Merge(q.State)
	p.Facts += q.Facts
	p.End = max(p.End, q.End)
}

// Join merges two lists of a key's parts, each in order of Start, into one. It
// takes over the states of both.
func (w Window) Join(a, b []Part) []Part {
	out := make([]Part, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].Start < a[0].Start {
			from = &b
		}
		p := (*from)[0]
		*from = (*from)[1:]
		if n := len(out); n > 0 && w.Touches(out[n-1], p) {
			out[n-1].take(p)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// Result is what is known about one window of one key.
type Result struct {
	Start, End Micros // of the window; a session's Start is its first event
	Last       Micros // end of the last part in it
	Facts      int64
	State      State
}

// Results lists the windows that are not empty and end in [from, until), in order
// of End. A window is final once the watermark W of every partition is after its
// end, because an event may still count at W itself; so the finals since a former
// watermark are Results(parts, former, W). The states of parts stay as they are.
func (w Window) Results(parts []Part, from, until Micros) []Result {
	switch w.Kind {
	case Session:
		return w.sessions(parts, until)
	case Tumbling, Snapshot:
		var out []Result
		for _, p := range parts {
			if p.End >= from && p.End < until {
				out = append(out, Result{p.Start, p.End, p.End, p.Facts, p.State})
			}
		}
		return out
	}
	var out []Result
	for _, end := range w.ends(parts, from, until) {
		if r, ok := w.gather(parts, end); ok {
			out = append(out, r)
		}
	}
	return out
}

func (w Window) sessions(parts []Part, until Micros) []Result {
	var out []Result
	for _, p := range parts {
		if end := p.End + span(w.Gap); end < until {
			out = append(out, Result{p.Start, end, p.End, p.Facts, p.State})
		}
	}
	return out
}

// ends lists where windows over the parts end, in order, each once: for a hopping
// one at every hop while a part is inside, for a sliding one when a part enters or leaves.
func (w Window) ends(parts []Part, from, until Micros) []Micros {
	var out []Micros
	hop, size := span(w.Hop), span(w.Size)
	next := from
	for _, p := range parts {
		if w.Kind == Sliding {
			for _, end := range []Micros{p.End, p.End + size} {
				if end >= from && end < until {
					out = append(out, end)
				}
			}
			continue
		}
		_, first := w.Place(max(p.End, next))
		for next = first; next < until && next <= p.End+size-hop; next += hop {
			out = append(out, next)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// gather merges the parts inside the window that ends at end; ok is false when
// there are none.
func (w Window) gather(parts []Part, end Micros) (Result, bool) {
	r := Result{Start: end - span(w.Size), End: end}
	i, _ := slices.BinarySearchFunc(parts, r.Start, func(p Part, s Micros) int { return cmp.Compare(p.Start, s) })
	for _, p := range parts[i:] {
		if p.End > end {
			break
		}
		if r.State == nil {
			r.State = p.State.Clone()
		} else {
			r.State.Merge(p.State)
		}
		r.Facts += p.Facts
		r.Last = p.End
	}
	return r, r.State != nil
}

// Open is where the newest window ends that has begun at now: Results up to after
// it are what can be said provisionally.
func (w Window) Open(now Micros) Micros {
	if w.Kind == Session {
		return now + span(w.Gap)
	}
	_, end := w.Place(now)
	return end
}
