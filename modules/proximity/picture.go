package proximity

import (
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// settled is how long after its end a bin is published: by then the readings are in.
const settled = 90 * time.Second

// Products of what is published.
const (
	productHeat    = "heat"
	productFlow    = "flow"
	productErrands = "errands"
)

// Publish makes the pictures of all bins that have settled. Each is made once and never
// again, by whatever process: two versions could be subtracted from each other.
func (s *Service) Publish(ctx context.Context) error {
	now := s.db.Now()
	scenes, err := s.scenes(ctx, s.db.Pool(), now)
	if err != nil {
		return err
	}
	for _, sc := range scenes {
		if err := s.publishScene(ctx, sc, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) publishScene(ctx context.Context, sc *scene, now time.Time) error {
	for _, p := range []struct {
		product string
		bin     time.Duration
		settled time.Duration
		make    maker
	}{
		{productHeat, heatmap.Bin, settled, publishHeat},
		{productFlow, heatmap.FlowBin, settled + heatmap.NextWithin, publishFlow},
	} {
		last := now.Add(-p.settled).Truncate(p.bin) // the end of the last bin that has settled
		for bin := sc.OpensAt.Truncate(p.bin); bin.Before(last) && bin.Before(sc.EndsAt); bin = bin.Add(p.bin) {
			if now.Sub(bin) > publishedAfter {
				continue // its seconds on the grid are gone
			}
			if err := s.publishOnce(ctx, sc, p.product, bin, p.make); err != nil {
				return err
			}
		}
	}
	if now.Sub(sc.EndsAt) < settled+heatmap.NextWithin {
		return nil
	}
	return s.publishOnce(ctx, sc, productErrands, sc.CreatedAt, publishErrands)
}

// maker makes what is published of the bin that begins at bin.
type maker func(tx *db.Tx, sc *scene, bin time.Time, share float64) (any, error)

func (s *Service) publishOnce(ctx context.Context, sc *scene, product string, bin time.Time, publish maker) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		mine, err := claimPicture(tx, sc.ID, product, bin)
		if err != nil || !mine {
			return err
		}
		share, err := shareOf(tx, sc)
		if err != nil {
			return err
		}
		made, err := publish(tx, sc, bin, share)
		if err != nil {
			return err
		}
		return writePicture(tx, sc.ID, product, bin, made)
	})
}

func publishHeat(tx *db.Tx, sc *scene, bin time.Time, share float64) (any, error) {
	presences, err := presencesOf(tx, sc.ID, bin, bin.Add(heatmap.Bin))
	if err != nil {
		return nil, err
	}
	zones := sc.site.named()
	return heatmap.Publish(bin, sc.site.grid(), zones, sc.site.zoneOfCell(), presences, share), nil
}

func publishFlow(tx *db.Tx, sc *scene, bin time.Time, share float64) (any, error) {
	visits, err := visitsBetween(tx, sc, bin.Add(-heatmap.NextWithin), bin.Add(heatmap.FlowBin+heatmap.NextWithin))
	if err != nil {
		return nil, err
	}
	visits = slices.DeleteFunc(visits, func(v heatmap.Visit) bool { return sc.site.isStall(v.Zone) })
	return heatmap.PublishFlow(bin, heatmap.Moves(visits, tx.Now()), share), nil
}

// publishErrands is of the whole event; its bin is but a name.
func publishErrands(tx *db.Tx, sc *scene, _ time.Time, share float64) (any, error) {
	visits, err := visitsBetween(tx, sc, sc.OpensAt, sc.EndsAt)
	if err != nil {
		return nil, err
	}
	return heatmap.PublishErrands(heatmap.Errands(visits, sc.site.isStall), share), nil
}

// isStall reports whether a zone is a stall's, and none that ways between areas lead through.
func (v *Venue) isStall(zone string) bool {
	z := v.zone(zone)
	return z != nil && (z.Kind == KindStall || z.Kind == KindQueue)
}

// named are the names of the venue's zones.
func (m *site) named() []string {
	out := make([]string, len(m.Zones))
	for i, z := range m.Zones {
		out[i] = z.Name
	}
	return out
}

// zoneOfCell tells the zone of a cell: where zones lie inside each other, the smallest.
func (m *site) zoneOfCell() func(heatmap.Cell) string {
	zones := slices.Clone(m.Zones)
	slices.SortStableFunc(zones, func(a, b Zone) int {
		switch d := area(a.Outline) - area(b.Outline); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	return func(c heatmap.Cell) string {
		x, y := c.Centre()
		for _, z := range zones {
			if inside(z.Outline, x, y) {
				return z.Name
			}
		}
		return ""
	}
}

// inside reports whether a point lies in a polygon, by the number of sides that a ray
// to the right crosses.
func inside(p []Point, x, y float64) bool {
	in := false
	for i, j := 0, len(p)-1; i < len(p); j, i = i, i+1 {
		if (p[i][1] > y) != (p[j][1] > y) && x < (p[j][0]-p[i][0])*(y-p[i][1])/(p[j][1]-p[i][1])+p[i][0] {
			in = !in
		}
	}
	return in
}

// Heat are the published pictures of an event from an instant to another, in order; at
// most a day's.
func (s *Service) Heat(ctx context.Context, event id.ID, from, to time.Time) ([]heatmap.Picture, error) {
	return pictures[heatmap.Picture](ctx, s.db.Pool(), event, productHeat, from, to)
}

// Flow are the published flows.
func (s *Service) Flow(ctx context.Context, event id.ID, from, to time.Time) ([]heatmap.Flow, error) {
	return pictures[heatmap.Flow](ctx, s.db.Pool(), event, productFlow, from, to)
}
