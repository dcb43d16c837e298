package window

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
)

const (
	precision   = 12 // 4,096 registers: standard error 1.04/√4096 = 1.6 %
	registers   = 1 << precision
	maxRank     = 64 - precision + 1
	sparseLimit = 256 // hashes kept one by one
)

// distinct counts different texts: exactly while there are few, then by
// HyperLogLog with Ertl's estimator, which needs no correction tables.
// Source: P. Flajolet et al. (2007); O. Ertl, arXiv:1702.01284, algorithm 6.
type distinct struct {
	few  []uint64 // hashes, sorted; while ranks is nil
	rank *[registers]uint8
}

func (d *distinct) Add(v Value) { d.add(hashOf(v.Text)) }

// hashOf is FNV-1a with SplitMix64's finaliser, because HyperLogLog needs every
// bit to be fair. It is stored, so it must never change.
func hashOf(text string) uint64 {
	f := fnv.New64a()
	_, _ = f.Write([]byte(text))
	h := f.Sum64()
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (d *distinct) add(h uint64) {
	if d.rank == nil {
		i, there := slices.BinarySearch(d.few, h)
		if there {
			return
		}
		d.few = slices.Insert(d.few, i, h)
		if len(d.few) > sparseLimit {
			d.spread()
		}
		return
	}
	i := h >> (64 - precision)
	r := uint8(min(bits.LeadingZeros64(h<<precision)+1, maxRank))
	d.rank[i] = max(d.rank[i], r)
}

// spread turns the list of hashes into registers.
func (d *distinct) spread() {
	few := d.few
	d.few, d.rank = nil, new([registers]uint8)
	for _, h := range few {
		d.add(h)
	}
}

func (d *distinct) Merge(o State) {
	p := o.(*distinct)
	if p.rank == nil {
		for _, h := range p.few {
			d.add(h)
		}
		return
	}
	if d.rank == nil {
		d.spread()
	}
	for i, r := range p.rank {
		d.rank[i] = max(d.rank[i], r)
	}
}

func (d *distinct) Clone() State {
	c := &distinct{few: slices.Clone(d.few)}
	if d.rank != nil {
		ranks := *d.rank
		c.rank = &ranks
	}
	return c
}

func (d *distinct) Result() (float64, bool) {
	if d.rank == nil {
		return float64(len(d.few)), true
	}
	var of [maxRank + 1]float64 // how many registers have each rank
	for _, r := range d.rank {
		of[r]++
	}
	const m = registers
	z := m * tau(1-of[maxRank]/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = (z + of[k]) / 2
	}
	z += m * sigma(of[0]/m)
	return math.Round(m * m / (2 * math.Ln2 * z)), true
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for last := -1.0; z != last; {
		x *= x
		last = z
		z += x * y
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for last := -1.0; z != last; {
		x = math.Sqrt(x)
		last = z
		y /= 2
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}

// AppendBinary writes 8 bytes a hash, or the registers.
func (d *distinct) AppendBinary(to []byte) []byte {
	if d.rank != nil {
		return append(to, d.rank[:]...)
	}
	for _, h := range d.few {
		to = binary.LittleEndian.AppendUint64(to, h)
	}
	return to
}

func (d *distinct) decode(data []byte) error {
	if len(data) == registers {
		ranks := [registers]uint8(data)
		if slices.Max(ranks[:]) > maxRank {
			return errState
		}
		d.rank = &ranks
		return nil
	}
	if len(data)%8 != 0 || len(data) > 8*sparseLimit {
		return errState
	}
	for ; len(data) > 0; data = data[8:] {
		h := binary.LittleEndian.Uint64(data)
		if n := len(d.few); n > 0 && d.few[n-1] >= h {
			return errState
		}
		d.few = append(d.few, h)
	}
	return nil
}
