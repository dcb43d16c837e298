package analytics

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// shopper is how customers of a known kind buy.
type shopper struct {
	orders, lead     int
	minor            int64
	weekend, coupons float64 // share
}

var shoppers = []shopper{{3, 45, 9000, .8, .1}, {4, 1, 1500, .6, .8}, {12, 20, 3000, .2, .1}}

// customersOf fills the shop with n customers, every other one signed in; their kinds are by
// number. They come in the order of their orders.
func (r *forecastRig) customersOf(n int) (persons map[id.ID]int) {
	random := rand.New(rand.NewPCG(3, 4))
	persons = map[id.ID]int{}
	for i := range n {
		k := i % len(shoppers)
		customer, person := fmt.Sprint("hash-", i), id.Nil
		if i%2 == 0 {
			person = id.New()
			customer, persons[person] = person.String(), k
		}
		for j := range max(2, int(float64(shoppers[k].orders)*(.6+.8*random.Float64()))) {
			at := r.clock.Now().AddDate(0, 0, -5-20*j-random.IntN(15))
			lead := float64(shoppers[k].lead) * (.5 + random.Float64())
			r.shop.bought = append(r.shop.bought, bought{customer, person, id.Nil, at, at.Add(time.Duration(lead * float64(24*time.Hour))), int64(float64(shoppers[k].minor) * (.6 + .8*random.Float64())), random.Float64() < shoppers[k].weekend, random.Float64() < shoppers[k].coupons})
		}
	}
	r.shop.bought = append(r.shop.bought, bought{customer: "once", at: r.clock.Now().AddDate(0, 0, -1), starts: r.clock.Now(), minor: 100})
	slices.SortStableFunc(r.shop.bought, func(a, b bought) int { return a.at.Compare(b.at) })
	return persons
}

func (r *forecastRig) grouped() (customers, events []Segment) {
	r.t.Helper()
	r.must(r.Segment(r.t.Context()))
	list, err := r.segments(r.t.Context())
	r.must(err)
	for _, g := range list {
		if g.Kind == kindCustomers {
			customers = append(customers, g)
		} else {
			events = append(events, g)
		}
	}
	return customers, events
}

func TestCustomersAndEventsAreGrouped(t *testing.T) {
	r := newForecastRig(t, 14, 3)
	persons := r.customersOf(120)
	customers, events := r.grouped()
	if len(customers) != 3 || len(events) == 0 {
		t.Fatalf("%d segments, %d groups: %+v", len(customers), len(events), customers)
	}
	run, ok, err := r.segmentation(t.Context())
	if err != nil || !ok || run.Customers != 121 || run.OneOff != 1 {
		t.Errorf("%+v %v %v", run, ok, err)
	}
	reach := 0
	for _, g := range customers {
		kinds := map[int]bool{}
		for _, p := range r.said.segments[segmentWord(g.No)] {
			person, err := id.Parse(p)
			r.must(err)
			kinds[persons[person]] = true
		}
		if len(kinds) != 1 || g.Size != 40 || g.Tag != fmt.Sprintf("$Segment:{%d}", g.No) {
			t.Errorf("%q has %d customers of the kinds %v, %s", g.Name, g.Size, slices.Collect(maps.Keys(kinds)), g.Tag)
		}
		reach += g.Reach
	}
	if reach != len(persons) {
		t.Errorf("%d can be reached, want those %d who signed in", reach, len(persons))
	}
	names := ""
	for _, g := range events {
		names += g.Name + "; "
	}
	if !strings.Contains(names, "events without a genre on weekends") {
		t.Errorf("events are called %s", names)
	}
}

// A week later there are other customers; numbers and names stay, and go on to be what
// tags and neighbours use. A name that is taken back is Usher's own again.
func TestSegmentsKeepTheirNumbersAndNames(t *testing.T) {
	r := newForecastRig(t, 4, 1)
	persons := r.customersOf(120)
	first, _ := r.grouped()
	r.must(r.RenameSegment(t.Context(), first[1].No, "  Our\tregulars "))
	r.shop.bought = r.shop.bought[:len(r.shop.bought)-40]
	second, _ := r.grouped()
	numbers := func(list []Segment) (out []int) {
		for _, g := range list {
			out = append(out, g.No)
		}
		slices.Sort(out)
		return out
	}
	if a, b := numbers(first), numbers(second); !slices.Equal(a, b) {
		t.Errorf("numbers %v became %v", a, b)
	}
	g, err := r.segmentOf(t.Context(), first[1].No)
	r.must(err)
	if g.Name != "Our regulars" || !g.Renamed || g.Customer.Own == "Our regulars" {
		t.Errorf("got %+v", g)
	}
	left := map[id.ID]int{} // who has one purchase left is in no segment
	for _, b := range r.shop.bought {
		left[b.person]++
	}
	for person := range persons {
		words, err := r.SegmentsOf(t.Context(), []string{person.String(), "nobody"})
		r.must(err)
		if grouped := len(words) == 1 && strings.HasPrefix(words[person.String()], "segment "); grouped != (left[person] > 1) {
			t.Errorf("%d purchases left, and got %v", left[person], words)
		}
	}
	r.must(r.RenameSegment(t.Context(), g.No, ""))
	if g, err = r.segmentOf(t.Context(), g.No); err != nil || g.Name != g.Customer.Own || g.Renamed {
		t.Errorf("got %+v %v", g, err)
	}
}

// A segment that is not found for a while comes back under its number and name.
func TestASegmentComesBack(t *testing.T) {
	r := newForecastRig(t, 4, 1)
	r.customersOf(120)
	first, _ := r.grouped()
	r.must(r.RenameSegment(t.Context(), first[0].No, "Early birds"))
	all := r.shop.bought
	r.shop.bought = nil
	if none, _ := r.grouped(); len(none) != 0 {
		t.Errorf("%d segments of nobody", len(none))
	}
	r.shop.bought = all
	r.grouped()
	if g, err := r.segmentOf(t.Context(), first[0].No); err != nil || g.Name != "Early birds" || g.Size != first[0].Size {
		t.Errorf("got %+v %v", g, err)
	}
}

func TestAPersonsSegmentIsExportedAndForgotten(t *testing.T) {
	r := newForecastRig(t, 4, 1)
	persons := r.customersOf(60)
	r.grouped()
	copyOf := func(person id.ID) (text string) {
		r.must(r.ExportPerson(t.Context(), person.String(), func(section string, v any) error {
			b, err := json.Marshal(v)
			text += section + string(b)
			return err
		}))
		return text
	}
	for person := range persons {
		if text := copyOf(person); !strings.HasPrefix(text, `segment{"no":`) {
			t.Fatalf("got %q", text)
		}
		for range 2 {
			r.must(r.ErasePerson(t.Context(), person.String()))
		}
		if text := copyOf(person); text != "" {
			t.Errorf("left: %s", text)
		}
		break
	}
}
