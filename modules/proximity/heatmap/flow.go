package heatmap

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Where a way begins when the device was nowhere before, and ends when it is nowhere next.
const (
	Entry = "ENTRY"
	Out   = "EXIT"
)

// NextWithin is how soon the next enter must follow an exit to count as a way.
const NextWithin = 10 * time.Minute

// Visit is a device's stay in a zone. Left is zero while it lasts.
type Visit struct {
	Device  string
	Zone    string
	Entered time.Time
	Left    time.Time
}

// Move is that a device went from one zone to another.
type Move struct {
	Device   string
	From, To string
	At       time.Time // of leaving From; of entering To when From is Entry
}

// Moves are the ways that visits of one level make, up to now. A visit that ended less
// than NextWithin before now and was not followed yet makes none so far.
func Moves(visits []Visit, now time.Time) (moves []Move) {
	visits = slices.Clone(visits)
	slices.SortStableFunc(visits, func(a, b Visit) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), a.Entered.Compare(b.Entered))
	})
	for i, v := range visits {
		first := i == 0 || visits[i-1].Device != v.Device
		if first || visits[i-1].Left.IsZero() || v.Entered.Sub(visits[i-1].Left) > NextWithin {
			moves = append(moves, Move{v.Device, Entry, v.Zone, v.Entered})
		}
		if v.Left.IsZero() {
			continue
		}
		last := i == len(visits)-1 || visits[i+1].Device != v.Device
		switch {
		case !last && visits[i+1].Entered.Sub(v.Left) <= NextWithin:
			moves = append(moves, Move{v.Device, v.Zone, visits[i+1].Zone, v.Left})
		case now.Sub(v.Left) > NextWithin:
			moves = append(moves, Move{v.Device, v.Zone, Out, v.Left})
		}
	}
	return moves
}

// Flow is what is published of the ways of one FlowBin.
type Flow struct {
	Bin   time.Time `json:"bin"`
	Ways  []Way     `json:"ways"`            // those of at least K devices; all others are "< 10"
	Other *float64  `json:"other,omitempty"` // people on all the ways that are not shown
}

// Way is how many people went from one zone to another.
type Way struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	People float64 `json:"people"` // two figures
}

// PublishFlow makes the flow matrix of the bin that begins at bin. Ways of fewer than K
// devices are put together, with the smallest others until they are K, and not shown.
// Sums over a row or a column are not published.
func PublishFlow(bin time.Time, moves []Move, share float64) Flow {
	within := slices.DeleteFunc(slices.Clone(moves), func(m Move) bool { return m.At.Before(bin) || !m.At.Before(bin.Add(FlowBin)) })
	shown, other := showWays(within, share)
	return Flow{Bin: bin, Ways: shown, Other: other}
}

// showWays says which ways may have a figure, and what all others come to.
func showWays(moves []Move, share float64) (shown []Way, rest *float64) {
	share = min(max(share, 0.01), 1)
	type way struct{ from, to string }
	ways := map[way]*group{}
	for _, m := range moves {
		w := way{m.From, m.To}
		if ways[w] == nil {
			ways[w] = &group{devices: map[string]struct{}{}}
		}
		ways[w].seconds++ // a move, here
		ways[w].devices[m.Device] = struct{}{}
	}
	keys := slices.SortedFunc(maps.Keys(ways), func(a, b way) int {
		return cmp.Or(cmp.Compare(len(ways[b].devices), len(ways[a].devices)), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	enough := 0
	for enough < len(keys) && ways[keys[enough]].enough() {
		enough++
	}
	other := &group{}
	for _, k := range keys[enough:] {
		other.join(ways[k])
	}
	for ; enough > 0 && !other.enough(); enough-- { // ways that nobody took are among them
		other.join(ways[keys[enough-1]])
	}
	shown = []Way{}
	for _, k := range keys[:enough] {
		shown = append(shown, Way{k.from, k.to, round(ways[k].seconds / share)})
	}
	if other.enough() {
		people := round(other.seconds / share)
		rest = &people
	}
	return shown, rest
}
