package proximity

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// study is what was published of an event, summed up for its venue.
type study struct {
	venue   *Venue
	flows   []heatmap.Flow
	errands *heatmap.Trades
	queues  map[id.ID]float64 // the most people of each stall's queue

	until   time.Time
	hour    time.Time          // in which most people were there
	share   float64            // of the event's walking that falls into it
	mean    map[string]float64 // people in a zone
	densest map[string]float64 // people per m² of a zone at its fullest
}

// count sums the pictures up. What falls into the busiest hour is taken in proportion to
// the people there.
func (y *study) count(pictures []heatmap.Picture) {
	y.mean, y.densest = map[string]float64{}, map[string]float64{}
	hours := map[time.Time]float64{}
	all := 0.0
	for _, p := range pictures {
		y.until = p.Bin.Add(heatmap.Bin)
		if p.Total != nil {
			hours[p.Bin.Truncate(time.Hour)] += p.Total.People
			all += p.Total.People
		}
		for _, z := range p.Zones {
			if z.Figure != nil {
				y.mean[z.Zone] += z.Figure.People / float64(len(pictures))
				y.densest[z.Zone] = max(y.densest[z.Zone], z.Figure.Density)
			}
		}
	}
	for _, h := range slices.SortedFunc(maps.Keys(hours), time.Time.Compare) {
		if hours[h] > hours[y.hour] {
			y.hour, y.share = h, hours[h]/all
		}
	}
}

// passages are the zones whose width is stated, with what came into them in their busiest
// quarter of an hour.
func (y *study) passages() []heatmap.Passage {
	busiest := map[string]float64{}
	for _, f := range y.flows {
		in := map[string]float64{}
		for _, w := range f.Ways {
			in[w.To] += w.People / heatmap.FlowBin.Minutes()
		}
		for zone, n := range in {
			busiest[zone] = max(busiest[zone], n)
		}
	}
	var out []heatmap.Passage
	for _, z := range y.venue.Zones {
		if z.Width > 0 {
			out = append(out, heatmap.Passage{Name: z.Name, Width: z.Width, Flow: busiest[z.Name]})
		}
	}
	return out
}

// fewest stands for a way that is "< 10": at most so many, so that no stall is said to be
// under-used for what is only hidden.
const fewest = heatmap.K - 1

// trips are the ways from every area to every stall that people wait for in a zone of its own.
func (y *study) trips() (out []heatmap.Trips) {
	went := y.errandsBy()
	for zone, stalls := range y.waiting() {
		z := y.venue.zone(zone)
		to := Point{}
		to[0], to[1] = middle(z.Outline)
		for _, from := range y.venue.Zones {
			if y.venue.isStall(from.Name) || y.mean[from.Name] == 0 {
				continue
			}
			x, v := middle(from.Outline)
			n, shown := went[way{from.Name, zone}]
			if !shown {
				n = fewest
			}
			out = append(out, heatmap.Trips{Stall: stalls, Origin: from.Name, Distance: math.Hypot(x-to[0], v-to[1]), Crowd: y.mean[from.Name], People: n})
		}
	}
	slices.SortFunc(out, func(a, b heatmap.Trips) int {
		return cmp.Or(cmp.Compare(a.Stall, b.Stall), cmp.Compare(a.Origin, b.Origin))
	})
	return out
}

type way struct{ from, to string }

func (y *study) errandsBy() map[way]float64 {
	by := map[way]float64{}
	for _, w := range y.errands.Ways {
		by[way{w.From, w.To}] = w.People
	}
	return by
}

// waiting names the stalls of each zone where people wait: two that share one are judged together.
func (y *study) waiting() map[string]string {
	by := map[string]string{}
	for _, t := range y.venue.Stalls {
		if !y.venue.isStall(t.Zone) {
			continue
		}
		if by[t.Zone] != "" {
			by[t.Zone] += ", "
		}
		by[t.Zone] += t.Name
	}
	return by
}

// sites are the stalls, and the areas that people come from, which stay where they are. A
// stall without a zone of its own, or that nobody was seen at, is not moved; unknown names them.
func (y *study) sites() (sites []heatmap.Site, unknown []string) {
	seen := map[string]bool{}
	for _, w := range y.errands.Ways {
		seen[w.From], seen[w.To] = true, true
	}
	for _, t := range y.venue.Stalls {
		if !y.venue.isStall(t.Zone) || !seen[t.Zone] {
			unknown = append(unknown, t.Name)
		}
		sites = append(sites, heatmap.Site{ID: t.Name, X: t.X, Y: t.Y, Pinned: t.Pinned || !y.venue.isStall(t.Zone) || !seen[t.Zone], People: y.queues[t.ID]})
	}
	for _, z := range y.venue.Zones {
		if !y.venue.isStall(z.Name) {
			x, v := middle(z.Outline)
			sites = append(sites, heatmap.Site{ID: z.Name, X: x, Y: v, Pinned: true, People: heatmap.Around(y.densest[z.Name])})
		}
	}
	return sites, unknown
}

// hourly is the flow of the busiest hour between sites: errands, and the published ways
// between areas. Stalls that share a zone share its errands.
func (y *study) hourly(sites []heatmap.Site) (matrix [][]float64, ways []heatmap.Way) {
	at := y.byZone(sites)
	matrix = make([][]float64, len(sites))
	for i := range matrix {
		matrix[i] = make([]float64, len(sites))
	}
	add := func(w heatmap.Way) {
		for _, a := range at[w.From] {
			for _, b := range at[w.To] {
				matrix[a][b] += w.People * y.share / float64(len(at[w.From])*len(at[w.To]))
			}
		}
	}
	for _, w := range y.errands.Ways {
		add(w)
	}
	for _, f := range y.flows {
		for _, w := range f.Ways {
			add(w)
		}
	}
	ways = []heatmap.Way{}
	for a := range matrix {
		for b, n := range matrix[a] {
			if n > 0 && a != b {
				ways = append(ways, heatmap.Way{From: sites[a].ID, To: sites[b].ID, People: math.Round(n)})
			}
		}
	}
	slices.SortStableFunc(ways, func(a, b heatmap.Way) int { return cmp.Compare(b.People, a.People) })
	return matrix, ways
}

// byZone finds the sites of each zone.
func (y *study) byZone(sites []heatmap.Site) map[string][]int {
	at := map[string][]int{}
	for i, s := range sites {
		if i < len(y.venue.Stalls) {
			if zone := y.venue.Stalls[i].Zone; y.venue.isStall(zone) {
				at[zone] = append(at[zone], i)
			}
		} else {
			at[s.ID] = append(at[s.ID], i)
		}
	}
	return at
}
