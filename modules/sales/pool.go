package sales

import (
	"fmt"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Pool is capacity that several categories share. Its classes are ranked: class 1,
// the dearest, may take all of it; each class below may take only what is not
// protected for those above.
//
// Protected[i] is the protection level of the classes 1 … i+1 together: so many
// places stay out of reach of class i+2 and all below, so there is one class more
// than levels. With capacity C and protection level y of the classes above j, the
// booking limit of the nested set {j, j+1, …} is C - y: a ticket of class j takes
// one from every set it belongs to, which are those of the classes 1 … j.
// Source: nested booking limits (standard nesting), Talluri and van Ryzin, The
// Theory and Practice of Revenue Management, section 2.1.
type Pool struct {
	ID        id.ID  `json:"id"`
	Event     id.ID  `json:"event"`
	Name      string `json:"name"`
	Capacity  int    `json:"capacity"`
	Protected []int  `json:"protected,omitempty"` // must not fall

	Sold int `json:"-"`
	Held int `json:"-"`

	levels []id.ID // the stock of the sets {2, …}, {3, …}, …
}

const maxLevels = 9

// Classes is how many ranks its categories can have.
func (p *Pool) Classes() int { return len(p.Protected) + 1 }

// limit is the booking limit of the set of a class and all below it.
func (p *Pool) limit(class int) int {
	if class == 1 {
		return p.Capacity
	}
	return p.Capacity - p.Protected[class-2]
}

// taken is the stock that a ticket of a class takes one of each.
func (p *Pool) taken(class int) []id.ID {
	return append([]id.ID{p.ID}, p.levels[:class-1]...)
}

func (p *Pool) validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if p.Name = tidy(p.Name); p.Name == "" || len(p.Name) > maxTitle || !plain(p.Name) {
		bad("name", fmt.Sprintf("must be text of 1 to %d bytes", maxTitle), `such as "Main floor"`)
	}
	if p.Capacity < 0 || p.Capacity > maxCapacity {
		bad("capacity", fmt.Sprintf("is %d", p.Capacity), fmt.Sprintf("0 to %d", maxCapacity))
	}
	if len(p.Protected) > maxLevels {
		bad("protected", fmt.Sprintf("has %d levels", len(p.Protected)), fmt.Sprintf("at most %d", maxLevels))
	}
	for i, n := range p.Protected {
		if n < 0 || n > p.Capacity {
			bad(fmt.Sprintf("protected[%d]", i), fmt.Sprintf("is %d", n), "between 0 and the pool's capacity")
		}
	}
	if !slices.IsSorted(p.Protected) {
		bad("protected", "falls", "each level protects for one class more than the level before it, so it is at least as large")
	}
	return fault.BadFields("sales.Pool", f)
}

// Pool finds one of the event's; nil when it is none of them.
func (e *Event) Pool(pool id.ID) *Pool {
	for i := range e.Pools {
		if e.Pools[i].ID == pool {
			return &e.Pools[i]
		}
	}
	return nil
}

// shares is the stock beside its own that each ticket of a category takes one of:
// the pool and the nested sets its class belongs to, in a fixed order.
func (e *Event) shares(c *Category) []id.ID {
	if c.Pool == nil {
		return nil
	}
	p := e.Pool(*c.Pool)
	if p == nil || c.Class < 1 || c.Class > p.Classes() {
		return nil
	}
	return p.taken(c.Class)
}

// left is how many tickets of the event can be bought at most: categories that
// share a pool do not get more together than it has.
func (e *Event) left() int {
	total, shared := 0, map[id.ID]int{}
	for i := range e.Categories {
		if c := &e.Categories[i]; c.Pool == nil {
			total += max(c.Free, 0)
		} else {
			shared[*c.Pool] += max(c.Free, 0)
		}
	}
	for i := range e.Pools {
		p := &e.Pools[i]
		total += min(shared[p.ID], max(p.Capacity-p.Sold-p.Held, 0))
	}
	return total
}
