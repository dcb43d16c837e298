package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Event is how one event sells.
type Event struct {
	ID      string
	Genre   string // "": not told
	Weekend bool

	Lead     float64 // days of sale, > 0
	Capacity float64 // > 0
	Price    float64 // at first, any one currency; 0: unknown

	Over        bool    // what follows is known
	Early, Late float64 // share of the tickets sold in the first, and in the last, seven days
	Fill        float64 // tickets sold to capacity
}

// EventGroup is events of one genre on one part of the week, and where there are many
// of these, only those that sell alike.
type EventGroup struct {
	No      int       `json:"no"` // stays as long as the group does; 0: it is new
	Name    string    `json:"name"`
	Renamed bool      `json:"renamed"`  // by a person: the name is kept as long as the group is
	Own     string    `json:"own_name"` // what sets it apart, in words, whatever it is called
	Genre   string    `json:"genre"`
	Weekend bool      `json:"weekend"`
	Size    int       `json:"size"` // past and future events
	Past    int       `json:"past"`
	Center  []float64 `json:"center"` // medians of the traits of past events, in their own units
	Early   float64   `json:"early"`  // medians of past events
	Late    float64   `json:"late"`
	Fill    float64   `json:"fill"`
}

const (
	eventLead = iota
	eventCapacity
	eventPrice
	eventEarly
	eventLate
	eventFill
	eventTraits
)

// What an event's traits weigh in the distance. What is known before it sells comes first.
var eventWeights = []float64{eventLead: .7, eventCapacity: .7, eventPrice: .7, eventEarly: 1, eventLate: 1, eventFill: 1}

const (
	fewestSplit = 24  // past events of a genre and part of the week; fewer stay together
	mostSplit   = 4   // groups of them
	clearSplit  = .25 // least silhouette of groups that lie apart
)

// EventGroups is all events in groups.
type EventGroups struct {
	Groups []EventGroup   // the largest first
	Of     map[string]int // group by event
}

// Events groups events: genre and part of the week first; then, where at least 24 of
// those are over, by how they sold, if that makes firm groups. before are the groups of
// the last time, whose numbers, and names given by persons, are kept where the group is
// still there. An event that is not over belongs where it fits by what is known of it.
func Events(all []Event, before []EventGroup) EventGroups {
	out := EventGroups{Of: map[string]int{}}
	if len(all) == 0 {
		return out
	}
	raw := make([][]float64, len(all))
	for i, e := range all {
		raw[i] = e.traits()
	}
	f := frameOf(eventWeights, overOnly(all, raw))
	for _, cell := range cells(all) {
		for _, m := range split(all, raw, cell, f) {
			out.Groups = append(out.Groups, groupOf(all, raw, m))
			for _, i := range m {
				out.Of[all[i].ID] = len(out.Groups) - 1
			}
		}
	}
	out.sort()
	nameEvents(out.Groups, f)
	keep(knownEvents(out.Groups), knownEvents(before), f)
	return out
}

func (e Event) traits() []float64 {
	x := make([]float64, eventTraits)
	x[eventLead], x[eventCapacity] = math.Log1p(max(e.Lead, 0)), math.Log(max(e.Capacity, 1))
	if e.Price > 0 {
		x[eventPrice] = math.Log(e.Price)
	}
	x[eventEarly], x[eventLate], x[eventFill] = e.Early, e.Late, e.Fill
	return x
}

// overOnly are the rows of past events; of all where there is none.
func overOnly(all []Event, raw [][]float64) (out [][]float64) {
	for i, e := range all {
		if e.Over {
			out = append(out, raw[i])
		}
	}
	if len(out) == 0 {
		return raw
	}
	return out
}

// cells are the events of each genre on each part of the week.
func cells(all []Event) (out [][]int) {
	at := map[string]int{}
	for i, e := range all {
		kind := EventGroup{Genre: e.Genre, Weekend: e.Weekend}.kind()
		k, ok := at[kind]
		if !ok {
			k = len(out)
			at[kind], out = k, append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// split divides a cell by how its past events sold, into the most groups that are firm
// and lie apart; its other events join the group they fit.
func split(all []Event, raw [][]float64, cell []int, f frame) [][]int {
	var past []int
	for _, i := range cell {
		if all[i].Over {
			past = append(past, i)
		}
	}
	if len(past) < fewestSplit {
		return [][]int{cell}
	}
	rows := make([][]float64, len(past))
	for k, i := range past {
		rows[k] = raw[i]
	}
	points := f.points(rows)
	g := firmest(points)
	if len(g.Centers) < 2 {
		return [][]int{cell}
	}
	out := make([][]int, len(g.Centers))
	k := 0
	for _, i := range cell {
		var to int
		if all[i].Over {
			to, k = g.Of[k], k+1
		} else {
			to = g.fits(f.points([][]float64{raw[i]})[0][:eventEarly])
		}
		out[to] = append(out[to], i)
	}
	return slices.DeleteFunc(out, func(m []int) bool { return len(m) == 0 })
}

func firmest(points [][]float64) Groups {
	sample := every(points, silhouetteOf)
	far := distances(sample)
	for k := mostSplit; k > 1; k-- {
		if g := Into(sample, k); strength(sample, k) >= firm && silhouette(g, far) >= clearSplit {
			return Into(points, k)
		}
	}
	return Groups{}
}

// fits is the group whose center is nearest in the first traits, those that p tells.
func (g *Groups) fits(p []float64) int {
	short := Groups{}
	for _, c := range g.Centers {
		short.Centers = append(short.Centers, c[:len(p)])
	}
	return short.nearest(p)
}

func groupOf(all []Event, raw [][]float64, members []int) EventGroup {
	first := all[members[0]]
	g := EventGroup{Genre: first.Genre, Weekend: first.Weekend, Size: len(members)}
	var past []int
	for _, i := range members {
		if all[i].Over {
			past = append(past, i)
		}
	}
	if g.Past = len(past); g.Past == 0 {
		past = members
	}
	g.Center = medians(raw, past, eventTraits)
	if g.Past > 0 {
		g.Early, g.Late, g.Fill = g.Center[eventEarly], g.Center[eventLate], g.Center[eventFill]
	}
	return g
}

// sort puts the largest groups first.
func (g *EventGroups) sort() {
	order := make([]int, len(g.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.Groups[b].Size, g.Groups[a].Size) })
	sorted, to := make([]EventGroup, len(order)), make([]int, len(order))
	for i, old := range order {
		sorted[i], to[old] = g.Groups[old], i
	}
	for e, old := range g.Of {
		g.Of[e] = to[old]
	}
	g.Groups = sorted
}

func (g EventGroup) kind() string { return fmt.Sprintf("%s\x00%v", g.Genre, g.Weekend) }

func knownEvents(groups []EventGroup) []label {
	out := make([]label, len(groups))
	for i := range groups {
		g := &groups[i]
		out[i] = label{&g.No, &g.Name, &g.Renamed, g.Center, g.kind()}
	}
	return out
}

// nameEvents names every group by its genre and part of the week; where several share
// these, by what is peculiar to how each sells as well.
func nameEvents(groups []EventGroup, f frame) {
	shared, taken := map[string]int{}, map[string]int{}
	for _, g := range groups {
		shared[g.kind()]++
	}
	for i := range groups {
		g := &groups[i]
		g.Name = cmp.Or(g.Genre, "events without a genre") + " during the week"
		if g.Weekend {
			g.Name = cmp.Or(g.Genre, "events without a genre") + " on weekends"
		}
		if shared[g.kind()] > 1 {
			order := f.peculiar(g.Center)
			g.Name += ", " + g.phrase(order[0], f)
			if taken[g.Name]++; taken[g.Name] > 1 {
				g.Name += ", " + g.phrase(order[1], f)
			}
		}
		g.Own = g.Name
	}
}

// phrase says a trait's value in words: "62 % sold in the last week".
func (g EventGroup) phrase(j int, f frame) string {
	x := g.Center[j]
	more := x >= f.median[j]
	pick := func(high, low string) string {
		if more {
			return high
		}
		return low
	}
	switch j {
	case eventLead:
		return pick("on sale for ", "on sale for only ") + count(math.Expm1(x))
	case eventCapacity:
		return pick("large, about ", "small, about ") + round(math.Exp(x)) + " places"
	case eventPrice:
		return pick("dear", "cheap")
	case eventEarly:
		return fmt.Sprintf("%s%.0f %% sold in the first week", pick("", "only "), 100*x)
	case eventLate:
		return fmt.Sprintf("%s%.0f %% sold in the last week", pick("", "only "), 100*x)
	}
	return fmt.Sprintf("%s%.0f %% full", pick("", "only "), 100*x)
}
