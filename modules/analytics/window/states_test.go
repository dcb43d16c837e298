package window

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func anyAggregate(t *rapid.T) Aggregate {
	a := Aggregate{Function: rapid.SampledFrom(Functions).Draw(t, "function")}
	if a.Function == Quantile {
		a.Q = rapid.Float64Range(0.01, 0.99).Draw(t, "q")
	}
	return a
}

func stateOf(a Aggregate, values []float64) State {
	s := a.New()
	for _, v := range values {
		s.Add(Value{Number: v, Text: fmt.Sprint(v)})
	}
	return s
}

func same(a, b State) bool {
	x, xok := a.Result()
	y, yok := b.Result()
	return xok == yok && math.Abs(x-y) <= 1e-7*max(1, math.Abs(x), math.Abs(y))
}

// Merging is associative and commutative, equals adding everything to one state,
// and leaves what it merges from as it was. 512 values are the quantile's exact range.
func TestStatesMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyAggregate(t)
		values := rapid.SliceOfN(rapid.Float64Range(-1000, 1000), 0, 150)
		x, y, z := values.Draw(t, "x"), values.Draw(t, "y"), values.Draw(t, "z")
		merged := func(of ...[]float64) State {
			s := a.New()
			for _, v := range of {
				s.Merge(stateOf(a, v))
			}
			return s
		}
		right := stateOf(a, y)
		right.Merge(stateOf(a, z))
		nested := stateOf(a, x)
		nested.Merge(right)
		all := stateOf(a, slices.Concat(x, y, z))
		for name, s := range map[string]State{"(xy)z": merged(x, y, z), "zyx": merged(z, y, x), "x(yz)": nested} {
			if !same(s, all) {
				t.Fatalf("%s: %+v is not %+v", name, s, all)
			}
		}
		if !same(right, stateOf(a, slices.Concat(y, z))) {
			t.Fatal("merging changed what was merged from")
		}
	})
}

func TestStatesSurviveStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyAggregate(t)
		n := rapid.SampledFrom([]int{0, 1, 2, 100, 5000}).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		values := make([]float64, n)
		for i := range values {
			values[i] = r.NormFloat64() * 100
		}
		s := stateOf(a, values)
		stored := s.AppendBinary(nil)
		back, err := a.Decode(stored)
		if err != nil || !same(s, back) || !bytes.Equal(back.AppendBinary(nil), stored) {
			t.Fatalf("%s of %d values came back as %+v, %v", a.Function, n, back, err)
		}
		if len(stored) > 6000 {
			t.Fatalf("%s of %d values takes %d bytes", a.Function, n, len(stored))
		}
	})
}

// HyperLogLog's error stays within three standard errors, over all sizes.
func TestDistinctKeepsItsError(t *testing.T) {
	for _, n := range []int{10, 256, 257, 1000, 4000, 10_000, 40_000, 200_000} {
		for run := range 5 {
			a, b := new(distinct), new(distinct)
			for i := range n {
				text := fmt.Sprintf("visitor-%d-%d", run, i)
				if i%2 == 0 {
					a.Add(Value{Text: text})
				} else {
					b.Add(Value{Text: text})
				}
				b.Add(Value{Text: text}) // seen twice
			}
			a.Merge(b)
			got, _ := a.Result()
			if off := math.Abs(got-float64(n)) / float64(n); off > 3*1.04/64 || n <= sparseLimit && off > 0 {
				t.Errorf("%d different ones are estimated at %v, %.1f %% off", n, got, 100*off)
			}
		}
	}
}

// The t-digest's rank error, over shapes, many merges and quantiles.
func TestQuantileKeepsItsError(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	shapes := map[string]func() float64{
		"even": r.Float64, "normal": r.NormFloat64, "heavy tail": func() float64 { return math.Exp(2 * r.NormFloat64()) },
		"few values": func() float64 { return float64(r.IntN(5)) }, "rising": nil,
	}
	for name, draw := range shapes {
		values := make([]float64, 60_000)
		merged := &quantile{}
		part := &quantile{}
		for i := range values {
			values[i] = float64(i)
			if draw != nil {
				values[i] = draw()
			}
			part.Add(Value{Number: values[i]})
			if i%997 == 0 {
				merged.Merge(part)
				part = &quantile{}
			}
		}
		merged.Merge(part)
		slices.Sort(values)
		for _, q := range []float64{0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99} {
			merged.q = q
			got, _ := merged.Result()
			lo, _ := slices.BinarySearch(values, got)
			hi, _ := slices.BinarySearch(values, math.Nextafter(got, math.Inf(1)))
			n := float64(len(values))
			if off := max(float64(lo)/n-q, q-float64(hi)/n, 0); off > 0.01 && name != "few values" {
				t.Errorf("%s: quantile %v is %v, whose rank is off by %.2f %%", name, q, got, 100*off)
			}
		}
		if len(merged.of) > centroidCap {
			t.Errorf("%s: %d centroids", name, len(merged.of))
		}
	}
}

func TestResultsThatJSONCannotCarryAreNone(t *testing.T) {
	for _, f := range []Function{Sum, Mean, Variance} {
		s := stateOf(Aggregate{Function: f}, []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64})
		if v, ok := s.Result(); ok && (math.IsInf(v, 0) || math.IsNaN(v)) {
			t.Errorf("%s is %v", f, v)
		}
	}
	if _, ok := stateOf(Aggregate{Function: Variance}, []float64{3}).Result(); ok {
		t.Error("one value has a variance")
	}
}

func TestCheckOfAnAggregate(t *testing.T) {
	for _, c := range []struct {
		a    Aggregate
		want int
	}{
		{Aggregate{Function: Count}, 0}, {Aggregate{Function: Quantile, Q: 0.5}, 0}, {Aggregate{Function: Quantile}, 1},
		{Aggregate{Function: Quantile, Q: math.NaN()}, 1}, {Aggregate{Function: Sum, Q: 0.5}, 1}, {Aggregate{Function: "avg"}, 1}, {Aggregate{Q: 2}, 2},
	} {
		if got := c.a.Check(); len(got) != c.want {
			t.Errorf("%+v: %+v, want %d faults", c.a, got, c.want)
		}
	}
}

// Any bytes decode or are refused; what decodes can be used, merged and stored.
func FuzzDecode(f *testing.F) {
	for i := range Functions {
		a := Aggregate{Function: Functions[i], Q: 0.5}
		f.Add(i, stateOf(a, []float64{1, 2.5, -3}).AppendBinary(nil))
	}
	f.Add(6, make([]byte, registers))
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		a := Aggregate{Function: Functions[uint(i)%uint(len(Functions))], Q: 0.5}
		s, err := a.Decode(data)
		if err != nil {
			return
		}
		s.Add(Value{Number: 1, Text: "1"})
		s.Merge(s.Clone())
		if v, ok := s.Result(); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Fatalf("%s of %x is %v", a.Function, data, v)
		}
		if len(s.AppendBinary(nil)) > len(data)*2+8192 {
			t.Fatalf("%s grew from %d bytes", a.Function, len(data))
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	for _, f := range Functions {
		b.Run(string(f), func(b *testing.B) {
			a := Aggregate{Function: f, Q: 0.5}
			w := Window{Kind: Hopping, Size: 600e9, Hop: 60e9}
			var parts []Part
			values := make([]Value, 4096)
			for i := range values {
				values[i] = Value{Number: float64(i % 977), Text: fmt.Sprint(i % 977)}
			}
			b.ReportAllocs()
			at := noon
			for i := 0; b.Loop(); i++ {
				at += 100_000
				parts = w.Add(parts, at, values[i%4096], a)
				if len(parts) > 20 {
					parts = slices.Delete(parts, 0, 10)
				}
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	e := NewEngine(Window{Kind: Tumbling, Size: 60e9}, Aggregate{Function: Count}, Policy{Late: 60e9, Reorder: 5e9}, 16, noon)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("series-%d", i)
	}
	b.ReportAllocs()
	at := noon
	for i := 0; b.Loop(); i++ {
		at += 100
		e.Observe(i%16, keys[i%1000], at, at, Value{})
		if i%1_000_000 == 0 {
			e.Finals()
		}
	}
}

// What one partition's sum has lost to rounding is not lost when sums merge.
func TestSumsKeepWhatRoundingLoses(t *testing.T) {
	all := stateOf(Aggregate{Function: Sum}, []float64{1})
	for range 1000 {
		all.Merge(stateOf(Aggregate{Function: Sum}, []float64{1e16, 1, -1e16}))
	}
	if got, _ := all.Result(); got != 1001 {
		t.Errorf("the sum is %v, want 1001", got)
	}
}
