package window

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// This file is the batch that streams are compared with: it shares no code with
// the package but its types, and uses other formulas.

type event struct {
	partition   int
	key         string
	at, arrival Micros
	value       float64
}

func (e event) asValue() Value { return Value{Number: e.value, Text: fmt.Sprint(e.value)} }

// effective gives every event the time that counts, by the closed form of the
// policy: e' = max(e, a − L, max over the partition's earlier events of max(e, a − L) − O).
// Nothing is dropped but the early.
func effective(events []event, p Policy, since Micros) []event {
	late, reorder := Micros(p.Late.Microseconds()), Micros(p.Reorder.Microseconds())
	newest := map[int]Micros{}
	var out []event
	for _, e := range events {
		if e.at > e.arrival+5*60*1e6 {
			continue
		}
		own := max(e.at, e.arrival-late)
		floor := since
		if n, known := newest[e.partition]; known {
			floor = max(floor, n-reorder)
			newest[e.partition] = max(n, own)
		} else {
			newest[e.partition] = own
		}
		e.at = max(own, floor)
		out = append(out, e)
	}
	return out
}

// batch lists all windows over events whose times are final.
func batch(w Window, a Aggregate, events []event) []Keyed {
	byKey := map[string][]event{}
	for _, e := range events {
		byKey[e.key] = append(byKey[e.key], e)
	}
	var out []Keyed
	for key, own := range byKey {
		slices.SortStableFunc(own, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		for _, s := range spans(w, own) {
			var in []float64
			for _, e := range own {
				if e.at > s[0] && e.at <= s[1] || w.Kind == Session && e.at == s[0] {
					in = append(in, e.value)
				}
			}
			if len(in) > 0 {
				out = append(out, Keyed{key, Result{Start: s[0], End: s[1], Facts: int64(len(in)), State: known{a, in}}})
			}
		}
	}
	slices.SortFunc(out, func(a, b Keyed) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Start, b.Start))
	})
	return out
}

// spans lists the windows a key's sorted events may fill, by trying every end.
func spans(w Window, events []event) (out [][2]Micros) {
	first, last := events[0].at, events[len(events)-1].at
	size, hop, gap := Micros(w.Size.Microseconds()), Micros(w.Hop.Microseconds()), Micros(w.Gap.Microseconds())
	grid := func(step, size Micros) {
		for end := (first/step - 2) * step; end <= last+size+step; end += step {
			out = append(out, [2]Micros{end - size, end})
		}
	}
	switch w.Kind {
	case Tumbling:
		grid(size, size)
	case Hopping:
		grid(hop, size)
	case Sliding:
		for end := (first/hop - 2) * hop; end <= last+size+hop; end += hop {
			for _, e := range events { // it changes when an event enters in its last hop, or leaves in it
				if e.at > end-hop && e.at <= end || e.at > end-size-hop && e.at <= end-size {
					out = append(out, [2]Micros{end - size, end})
					break
				}
			}
		}
	case Snapshot:
		for _, e := range events {
			out = append(out, [2]Micros{e.at - 1, e.at})
		}
		out = slices.Compact(out)
	case Session:
		begun := first
		for i, e := range events {
			if i+1 == len(events) || events[i+1].at-e.at > gap {
				out = append(out, [2]Micros{begun, e.at + gap})
				if i+1 < len(events) {
					begun = events[i+1].at
				}
			}
		}
	}
	return out
}

// known is a State of which all values are known.
type known struct {
	a  Aggregate
	in []float64
}

func (k known) Add(Value)                  {}
func (k known) Merge(State)                {}
func (k known) Clone() State               { return k }
func (k known) AppendBinary([]byte) []byte { return nil }
func (k known) decode([]byte) error        { return nil }

// Result uses the textbook's formulas.
func (k known) Result() (float64, bool) {
	n := float64(len(k.in))
	total := 0.0
	for _, v := range k.in {
		total += v
	}
	sorted := slices.Sorted(slices.Values(k.in))
	switch k.a.Function {
	case Count:
		return n, true
	case Sum:
		return total, true
	case Min:
		return sorted[0], true
	case Max:
		return sorted[len(sorted)-1], true
	case Mean:
		return total / n, true
	case Variance:
		if n < 2 {
			return 0, false
		}
		squares := 0.0
		for _, v := range k.in {
			off := v - total/n
			squares += off * off
		}
		return squares / (n - 1), true
	case Distinct:
		return float64(len(slices.Compact(sorted))), true
	}
	h := n*k.a.Q + 0.5 // Hazen: position in the sorted list, from 1
	i := math.Floor(h)
	if i < 1 {
		return sorted[0], true
	}
	if i >= n {
		return sorted[len(sorted)-1], true
	}
	return sorted[int(i)-1] + (h-i)*(sorted[int(i)]-sorted[int(i)-1]), true
}

// differ says in what two lists of windows differ; "" when they are the same.
func differ(got, want []Keyed) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			return fmt.Sprintf("%d windows, want %d", len(got), len(want))
		}
		g, w := got[i], want[i]
		gv, gok := g.State.Result()
		wv, wok := w.State.Result()
		if g.Key != w.Key || g.Start != w.Start || g.End != w.End || g.Facts != w.Facts || gok != wok || math.Abs(gv-wv) > 1e-9*max(1, math.Abs(wv)) {
			return fmt.Sprintf("window %d is %s (%v, %v] %d facts %v %v; want %s (%v, %v] %d facts %v %v", i,
				g.Key, g.Start.Time(), g.End.Time(), g.Facts, gv, gok, w.Key, w.Start.Time(), w.End.Time(), w.Facts, wv, wok)
		}
	}
	return ""
}

func sortedBy(order []int, keys map[int]Micros) []int {
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	return order
}

func randomWindow(r *rand.Rand) Window {
	s := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from+1)) * time.Second }
	w := Window{Kind: Kinds[r.IntN(len(Kinds))]}
	switch w.Kind {
	case Tumbling:
		w.Size = s(1, 40)
	case Hopping, Sliding:
		w.Hop = s(1, 12)
		w.Size = w.Hop * time.Duration(1+r.IntN(6))
	case Session:
		w.Gap = s(1, 20)
	}
	return w
}

func randomAggregate(r *rand.Rand) Aggregate {
	a := Aggregate{Function: Functions[r.IntN(len(Functions))]}
	if a.Function == Quantile {
		a.Q = float64(1+r.IntN(19)) / 20
	}
	return a
}
