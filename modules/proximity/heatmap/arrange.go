package heatmap

import (
	"math"
	"math/rand/v2"
)

// Arrangement is a proposal: which site stands where.
type Arrangement struct {
	Sites         []Site  `json:"sites"`          // as given, at their new places
	Moved         int     `json:"moved"`          // how many stand elsewhere
	WalkingBefore float64 `json:"walking_before"` // person-metres
	WalkingAfter  float64 `json:"walking_after"`
	PeakBefore    float64 `json:"peak_before"` // people per m² in the fullest cell
	PeakAfter     float64 `json:"peak_after"`
}

const (
	spread     = 5.0  // metres: how far the people at a site stand around it
	pace       = 78.0 // metres a minute
	penalty    = 2.0  // of crowding, in shares of the walking that there is
	coolings   = 60
	tries      = 40         // swaps a site and cooling
	mostSwaps  = 20_000_000 // over all, a site: what a search may cost, whatever the venue
	firstHeat  = 0.02
	cooling    = 0.9
	worthwhile = 0.02 // a smaller gain is not worth a move
)

// Arrange looks for a better place for each site that is not pinned, among the places
// that such sites have now. flow[a][b] is how many people walk from site a to site b in
// the busiest hour.
//
// It is a quadratic assignment problem, Σ flow·distance + penalty·crowding, where two
// sites crowd each other by the people at both, the more the nearer: annealing with
// swaps, then 2-opt to a local optimum. Deterministic. nil when nothing is gained.
//
// Source: T. C. Koopmans and M. Beckmann, Assignment Problems and the Location of
// Economic Activities, Econometrica 25 (1957); D. T. Connolly, An Improved Annealing
// Scheme for the QAP, Eur. J. Oper. Res. 46 (1990).
func Arrange(sites []Site, flow [][]float64) *Arrangement {
	q := newAssignment(sites, flow)
	if len(q.free) < 2 {
		return nil
	}
	before := q.cost()
	q.anneal(rand.New(rand.NewPCG(1, 2)))
	q.descend()
	if q.cost() > before*(1-worthwhile) {
		return nil
	}
	out := &Arrangement{WalkingBefore: walking(sites, flow), PeakBefore: peak(sites, flow)}
	for s, at := range q.at {
		moved := sites[s]
		moved.X, moved.Y = sites[at].X, sites[at].Y
		out.Sites = append(out.Sites, moved)
		if at != s {
			out.Moved++
		}
	}
	out.WalkingAfter, out.PeakAfter = walking(out.Sites, flow), peak(out.Sites, flow)
	return out
}

// assignment is a state of the search: site s stands where site at[s] stood.
type assignment struct {
	at     []int
	free   []int
	weight [][]float64 // walking between two sites, either way
	crowd  [][]float64 // the people at both
	far    [][]float64 // between two places
	near   [][]float64 // how much two places crowd each other, scaled
}

func newAssignment(sites []Site, flow [][]float64) *assignment {
	n := len(sites)
	q := &assignment{weight: square(n), crowd: square(n), far: square(n), near: square(n)}
	var walk, jam float64
	for a := range n {
		q.at = append(q.at, a)
		if !sites[a].Pinned {
			q.free = append(q.free, a)
		}
		for b := range n {
			if a == b {
				continue
			}
			q.weight[a][b] = flowOf(flow, a, b) + flowOf(flow, b, a)
			q.crowd[a][b] = sites[a].People * sites[b].People
			q.far[a][b] = sites[a].to(sites[b])
			q.near[a][b] = math.Exp(-q.far[a][b] * q.far[a][b] / (4 * spread * spread))
			walk += q.weight[a][b] * q.far[a][b]
			jam += q.crowd[a][b]
		}
	}
	if jam > 0 { // so that the penalty is of the walking's size
		for a := range n {
			for b := range n {
				q.near[a][b] *= penalty * walk * float64(n) / jam
			}
		}
	}
	return q
}

func square(n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
	}
	return out
}

func flowOf(flow [][]float64, a, b int) float64 {
	if a < len(flow) && b < len(flow[a]) && flow[a][b] > 0 {
		return flow[a][b]
	}
	return 0
}

// share is what site a adds to the cost.
func (q *assignment) share(a int) (c float64) {
	for b := range q.at {
		c += q.weight[a][b]*q.far[q.at[a]][q.at[b]] + q.crowd[a][b]*q.near[q.at[a]][q.at[b]]
	}
	return c
}

func (q *assignment) cost() (c float64) {
	for a := range q.at {
		c += q.share(a)
	}
	return c / 2
}

// swap lets two sites change places and returns what the cost gains.
func (q *assignment) swap(a, b int) float64 {
	before := q.share(a) + q.share(b)
	q.at[a], q.at[b] = q.at[b], q.at[a]
	return q.share(a) + q.share(b) - before // what a and b cost each other is the same
}

func (q *assignment) anneal(r *rand.Rand) {
	now := q.cost()
	best, bestAt := now, append([]int{}, q.at...)
	heat := firstHeat * now
	for range coolings {
		for range min(tries*len(q.free), mostSwaps/(coolings*len(q.at))) {
			i, j := r.IntN(len(q.free)), r.IntN(len(q.free)-1)
			if j >= i {
				j++
			}
			a, b := q.free[i], q.free[j]
			gain := q.swap(a, b)
			if gain > 0 && r.Float64() >= math.Exp(-gain/heat) {
				q.swap(a, b)
				continue
			}
			now += gain
			if now < best {
				best = now
				copy(bestAt, q.at)
			}
		}
		heat *= cooling
	}
	copy(q.at, bestAt)
}

// descend swaps as long as any swap helps.
func (q *assignment) descend() {
	for better := true; better; {
		better = false
		for i, a := range q.free {
			for _, b := range q.free[i+1:] {
				if gain := q.swap(a, b); gain < -1e-9*(1+math.Abs(q.share(a))) {
					better = true
				} else {
					q.swap(a, b)
				}
			}
		}
	}
}

// walking is person-metres of the busiest hour.
func walking(sites []Site, flow [][]float64) (sum float64) {
	for a := range sites {
		for b := range sites {
			sum += flowOf(flow, a, b) * sites[a].to(sites[b])
		}
	}
	return sum
}

// peak is the density of the fullest cell.
func peak(sites []Site, flow [][]float64) (most float64) {
	for _, d := range Density(sites, flow) {
		most = max(most, d)
	}
	return most
}

// Density simulates people per m² in squares of CellSize: people at a site stand around it
// in a bell of width spread, those who walk are spread evenly along their straight way.
func Density(sites []Site, flow [][]float64) map[Cell]float64 {
	density := map[Cell]float64{}
	put := func(x, y, people float64) {
		density[CellAt(int(max(y, 0)/CellSize), int(max(x, 0)/CellSize))] += people / (CellSize * CellSize)
	}
	for a, s := range sites {
		const reach = 2 * spread
		for dx := -reach; dx <= reach; dx += CellSize {
			for dy := -reach; dy <= reach; dy += CellSize {
				bell := math.Exp(-(dx*dx+dy*dy)/(2*spread*spread)) / (2 * math.Pi * spread * spread)
				put(s.X+dx, s.Y+dy, s.People*bell*CellSize*CellSize)
			}
		}
		for b, o := range sites {
			there := flowOf(flow, a, b) / 60 * s.to(o) / pace // people on the way at any time
			if there == 0 {
				continue
			}
			steps := int(s.to(o)/CellSize) + 1
			for k := range steps {
				f := (float64(k) + 0.5) / float64(steps)
				put(s.X+f*(o.X-s.X), s.Y+f*(o.Y-s.Y), there/float64(steps))
			}
		}
	}
	return density
}

// Around is how many people stand at a site in the middle of a place of this density.
func Around(density float64) float64 { return density * 2 * math.Pi * spread * spread }
