package heatmap

import (
	"cmp"
	"slices"
)

// Errands are the ways to and from stalls that visits of all levels make: from the place
// that a device entered before to the one it entered next, when one of the two is a stall
// and no more than NextWithin lies between. Ways between two areas are Moves' and are left
// out: each way is a matter of one product.
func Errands(visits []Visit, stall func(zone string) bool) (moves []Move) {
	visits = slices.Clone(visits)
	slices.SortStableFunc(visits, func(a, b Visit) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), a.Entered.Compare(b.Entered))
	})
	for i := 1; i < len(visits); i++ {
		from, to := visits[i-1], visits[i]
		late := !from.Left.IsZero() && to.Entered.Sub(from.Left) > NextWithin
		if from.Device != to.Device || from.Zone == to.Zone || late || !stall(from.Zone) && !stall(to.Zone) {
			continue
		}
		moves = append(moves, Move{to.Device, from.Zone, to.Zone, to.Entered})
	}
	return moves
}

// Trades is what is published of an event's errands, once, when it is over: one bin as long
// as the event, so that no part of it can be subtracted.
type Trades struct {
	Ways  []Way    `json:"ways"`            // those of at least K devices; all others are "< 10"
	Other *float64 `json:"other,omitempty"` // people on all the ways that are not shown
}

// PublishErrands follows the rule of PublishFlow.
func PublishErrands(moves []Move, share float64) Trades {
	shown, other := showWays(moves, share)
	return Trades{shown, other}
}
