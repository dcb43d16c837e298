package analytics

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// The kinds of segments.
const (
	kindCustomers = "customers"
	kindEvents    = "events"
)

const (
	yearsOfCustomers = 3                    // of orders that segments are made from
	segmentsKept     = 180 * 24 * time.Hour // of those that are no longer found
	maxSegmentName   = 80
)

// Segment is a group of customers, or of events, as it is kept.
type Segment struct {
	No       int                 `json:"no"`
	Kind     string              `json:"kind"` // customers, events
	Name     string              `json:"name"`
	Renamed  bool                `json:"renamed"` // by a person
	Size     int                 `json:"size"`
	Reach    int                 `json:"reach"`         // members known by name: customers who signed in, or events
	Tag      string              `json:"tag,omitempty"` // of customers, for whom a notification is
	MadeAt   time.Time           `json:"made_at"`
	GoneAt   *time.Time          `json:"-"`
	Customer *cluster.Segment    `json:"customers,omitempty"`
	Event    *cluster.EventGroup `json:"events,omitempty"`
	members  []string
}

// Segmentation is what the last run looked at.
type Segmentation struct {
	MadeAt     time.Time
	Customers  int
	OneOff     int
	Silhouette float64
}

// Segment groups customers and events anew. Numbers and names stay with the groups that
// are found again.
func (s *Service) Segment(ctx context.Context) error {
	if s.shop == nil {
		return nil
	}
	customers, persons, err := s.customers(ctx)
	if err != nil {
		return err
	}
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	before, err := s.segmentsKnown(ctx)
	if err != nil {
		return err
	}
	found := cluster.Customers(customers, before.customers())
	list := append(customerSegments(found, persons), eventSegments(cluster.Events(h.sold(), before.events()))...)
	run := Segmentation{Customers: len(customers), OneOff: found.OneOff, Silhouette: found.Silhouette}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := saveSegments(tx, list, run); err != nil || s.crier == nil {
			return err
		}
		audiences := map[string][]string{}
		for _, g := range list {
			if g.Kind == kindCustomers {
				audiences[segmentWord(g.No)] = g.members
			}
		}
		return s.crier.SetSegments(tx, audiences)
	})
}

// customers are the buyers of the last years with how they buy, and the ids of those who signed in.
func (s *Service) customers(ctx context.Context) (all []cluster.Customer, persons map[string]id.ID, err error) {
	now := s.db.Now()
	at := map[string]int{}
	persons = map[string]id.ID{}
	err = s.shop.EachPurchase(ctx, now.AddDate(-yearsOfCustomers, 0, 0), func(customer string, person, _ id.ID, bought, starts time.Time, minor int64, weekend, discounted bool) error {
		k, ok := at[customer]
		if !ok {
			k = len(all)
			at[customer] = k
			all = append(all, cluster.Customer{ID: customer, Km: -1})
			if person != id.Nil {
				persons[customer] = person
			}
		}
		c := &all[k]
		c.Orders++
		c.Recency = now.Sub(bought).Hours() / 24 // the last one counts: they come in order
		c.Lead += math.Log1p(max(starts.Sub(bought).Hours()/24, 0))
		c.Basket += math.Log(max(float64(minor), 1))
		if weekend {
			c.Weekend++
		}
		if discounted {
			c.Discounted++
		}
		return nil
	})
	for k := range all {
		n := float64(all[k].Orders)
		all[k].Lead, all[k].Basket = all[k].Lead/n, all[k].Basket/n
	}
	return all, persons, err
}

// sold are the events of the history, as groups are made of them.
func (h *history) sold() (out []cluster.Event) {
	take := func(e *forecast.Event, over bool) {
		if e.Capacity <= 0 {
			return
		}
		x := cluster.Event{ID: e.ID, Genre: strings.TrimSpace(e.Genre), Weekend: e.Weekend(), Lead: float64(e.Lead()), Capacity: float64(e.Capacity), Price: e.ListPrice}
		if n := float64(e.SoldBy(e.Date)); over && n > 0 {
			x.Over, x.Fill = true, n/float64(e.Capacity)
			x.Early, x.Late = float64(e.SoldBy(e.OnSale+6))/n, 1-float64(e.SoldBy(e.Date-7))/n
		}
		out = append(out, x)
	}
	for _, e := range h.over {
		take(e, true)
	}
	for _, e := range h.sales {
		if !e.over() {
			take(e.Whole, false)
		}
	}
	return out
}

func customerSegments(found cluster.Segmentation, persons map[string]id.ID) []Segment {
	out := make([]Segment, len(found.Segments))
	for i := range found.Segments {
		g := &found.Segments[i]
		out[i] = Segment{No: g.No, Kind: kindCustomers, Name: g.Name, Renamed: g.Renamed, Size: g.Size, Customer: g}
	}
	for customer, i := range found.Of {
		if person, ok := persons[customer]; ok && i >= 0 {
			out[i].members = append(out[i].members, person.String())
		}
	}
	return out
}

func eventSegments(found cluster.EventGroups) []Segment {
	out := make([]Segment, len(found.Groups))
	for i := range found.Groups {
		g := &found.Groups[i]
		out[i] = Segment{No: g.No, Kind: kindEvents, Name: g.Name, Renamed: g.Renamed, Size: g.Size, Event: g}
	}
	for event, i := range found.Of {
		out[i].members = append(out[i].members, event)
	}
	return out
}

// knownSegments are those of the last runs.
type knownSegments []Segment

func (k knownSegments) customers() (out []cluster.Segment) {
	for _, g := range k {
		if g.Kind == kindCustomers && g.Customer != nil {
			x := *g.Customer
			x.No, x.Name, x.Renamed, x.Gone = g.No, g.Name, g.Renamed, g.GoneAt != nil
			out = append(out, x)
		}
	}
	return out
}

func (k knownSegments) events() (out []cluster.EventGroup) {
	for _, g := range k {
		if g.Kind == kindEvents && g.Event != nil {
			x := *g.Event
			x.No, x.Name, x.Renamed = g.No, g.Name, g.Renamed
			out = append(out, x)
		}
	}
	return out
}

// RenameSegment gives a segment a person's name for it, which it keeps; "" takes that
// back, and the next run names it. Errors: fault.NotFound, fault.Invalid.
func (s *Service) RenameSegment(ctx context.Context, no int, name string) error {
	name = strings.Join(strings.Fields(clipped(name)), " ")
	if len([]rune(name)) > maxSegmentName {
		return fault.BadField("analytics.RenameSegment", "name", "is long", "at most 80 characters")
	}
	return s.renameSegment(ctx, no, name)
}

// SegmentsOf names the segment of each of the persons who is in one, for a neighbour
// that chooses for them: a word that stays the same when the segment is renamed.
func (s *Service) SegmentsOf(ctx context.Context, persons []string) (map[string]string, error) {
	found, err := s.segmentsOf(ctx, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(found))
	for person, g := range found {
		out[person] = "segment " + segmentWord(g.No)
	}
	return out, nil
}

// ExportPerson adds the segment that a person is in. Part of identity.Keeper.
func (s *Service) ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error {
	found, err := s.segmentsOf(ctx, []string{person})
	if err != nil {
		return err
	}
	for _, g := range found {
		if err := add("segment", g); err != nil {
			return err
		}
	}
	return nil
}

// ErasePerson takes a person out of their segment; that it counted them stays. Safe to
// repeat. Part of identity.Keeper.
func (s *Service) ErasePerson(ctx context.Context, person string) error {
	return s.deleteMember(ctx, person)
}
