package sales

import (
	"cmp"
	"context"
	"slices"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/admission"
)

// settle puts the uses of one ticket in the order of admission.Settle.
func settle(uses []Use) []Use {
	by := make(map[id.ID]Use, len(uses))
	scans := make([]admission.Scan, len(uses))
	for i, u := range uses {
		by[u.Scan], scans[i] = u, admission.Scan{ID: u.Scan, Device: u.Device, At: u.At}
	}
	out := make([]Use, len(uses))
	for i, scan := range admission.Settle(scans) {
		out[i] = by[scan.ID]
	}
	return out
}

// Double is a ticket with which somebody went in more than once: only devices that
// were offline can do that. The first use counts.
type Double struct {
	Order id.ID `json:"order"`
	N     int   `json:"n"`
	Uses  []Use `json:"uses"`
}

// Doubles lists the tickets of an event that were used more than once, settled.
func (s *Service) Doubles(ctx context.Context, event id.ID) ([]Double, error) {
	found, err := s.doublesOf(ctx, event)
	if err != nil {
		return nil, err
	}
	out := make([]Double, 0, len(found))
	for name, uses := range found {
		out = append(out, Double{name.order, name.n, settle(uses)})
	}
	slices.SortFunc(out, func(a, b Double) int {
		return cmp.Or(a.Uses[0].At.Compare(b.Uses[0].At), compareIDs(a.Order, b.Order), a.N-b.N)
	})
	return out, nil
}
