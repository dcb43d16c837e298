package window

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

const (
	compression = 200 // of the t-digest: rank error under 1 %
	centroidCap = 512 // centroids kept before they are merged; each value is one until then
)

// quantile is a t-digest: the values as centroids, fine at the ends and coarse in
// the middle. Up to centroidCap values nothing is lost.
// Source: T. Dunning and O. Ertl, arXiv:1902.04023, with scale function k₁.
type quantile struct {
	q      float64
	of     []centroid
	sorted int // the first so many are in order
}

type centroid struct{ mean, weight float64 }

func (t *quantile) Add(v Value) {
	t.of = append(t.of, centroid{v.Number, 1})
	t.bound()
}

func (t *quantile) Merge(o State) {
	t.of = append(t.of, o.(*quantile).of...)
	t.bound()
}

func (t *quantile) Clone() State {
	c := *t
	c.of = slices.Clone(t.of)
	return &c
}

func (t *quantile) order() {
	if t.sorted < len(t.of) {
		slices.SortFunc(t.of, func(a, b centroid) int { return cmp.Or(cmp.Compare(a.mean, b.mean), cmp.Compare(a.weight, b.weight)) })
		t.sorted = len(t.of)
	}
}

// bound merges neighbours when there are too many centroids.
func (t *quantile) bound() {
	if len(t.of) <= centroidCap {
		return
	}
	t.order()
	total := t.total()
	out := t.of[:1]
	before, limit := 0.0, limitAfter(0)
	for _, c := range t.of[1:] {
		last := &out[len(out)-1]
		if (before+last.weight+c.weight)/total <= limit {
			weight := last.weight + c.weight
			last.mean = last.mean*(last.weight/weight) + c.mean*(c.weight/weight)
			last.weight = weight
			continue
		}
		before += last.weight
		limit = limitAfter(before / total)
		out = append(out, c)
	}
	t.of, t.sorted = out, len(out)
}

// limitAfter is the quantile that a centroid beginning at quantile q may reach:
// one step of k₁(q) = δ/2π · asin(2q − 1).
func limitAfter(q float64) float64 {
	k := math.Asin(2*q-1) + 2*math.Pi/compression
	if k >= math.Pi/2 {
		return 1
	}
	return (math.Sin(k) + 1) / 2
}

func (t *quantile) total() (w float64) {
	for _, c := range t.of {
		w += c.weight
	}
	return w
}

// Result interpolates between the centres of neighbouring centroids. With single
// values that is Hazen's definition (Hyndman and Fan's type 5).
func (t *quantile) Result() (float64, bool) {
	if len(t.of) == 0 {
		return 0, false
	}
	t.order()
	want := t.q * t.total()
	at := t.of[0].weight / 2
	if want <= at {
		return finite(t.of[0].mean)
	}
	for i := 1; i < len(t.of); i++ {
		a, b := t.of[i-1], t.of[i]
		next := at + (a.weight+b.weight)/2
		if want <= next {
			return finite(a.mean + (b.mean-a.mean)*((want-at)/(next-at)))
		}
		at = next
	}
	return finite(t.of[len(t.of)-1].mean)
}

// AppendBinary writes each centroid's mean and weight.
func (t *quantile) AppendBinary(to []byte) []byte {
	t.order()
	for _, c := range t.of {
		to = binary.AppendUvarint(appendFloats(to, c.mean), uint64(c.weight))
	}
	return to
}

func (t *quantile) decode(data []byte) error {
	for len(data) > 0 {
		if len(data) < 9 || len(t.of) == centroidCap {
			return errState
		}
		mean := math.Float64frombits(binary.LittleEndian.Uint64(data))
		weight, size := binary.Uvarint(data[8:])
		if size <= 0 || weight == 0 || weight > 1<<53 || math.IsNaN(mean) || math.IsInf(mean, 0) {
			return errState
		}
		t.of = append(t.of, centroid{mean, float64(weight)})
		data = data[8+size:]
	}
	return nil
}
