package demo

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales"
)

// regulars come again and again, each with habits: the same category, as many tickets, with
// the code for friends or without. So there is something to tell customers apart by.
const regulars = 150

// friends is the code that some of the regulars have.
const friends = "FRIENDS"

// buyer is a visitor with what he wants.
type buyer struct {
	address  map[string]string
	category id.ID
	qty      int
	codes    []string
}

// buyer is the nth visitor: two of three are regulars.
func (s *shop) buyer(r *rand.Rand, n int) buyer {
	b, no := buyer{}, regulars+n
	if r.IntN(3) > 0 {
		no = r.IntN(regulars)
		r = rand.New(rand.NewPCG(s.Seed, uint64(no)<<8|'h'))
		if r.IntN(4) == 0 {
			b.codes = []string{friends}
		}
	}
	who := tongues[r.IntN(len(tongues))]
	b.address = map[string]string{"name": who.names[r.IntN(len(who.names))], "email": fmt.Sprintf("buyer-%d@usher.example", no), "locale": who.locale}
	b.category, b.qty = s.kind(r), 1+r.IntN(4)
	return b
}

// kind chooses a category as people do: most want a day, few the balcony.
func (s *shop) kind(r *rand.Rand) id.ID {
	at := 0
	switch p := r.IntN(100); {
	case p >= 94:
		at = 2
	case p >= 65:
		at = 1
	}
	return s.event.Categories[at].ID
}

// giveCode makes the code for friends.
func (s *shop) giveCode(ctx context.Context) error {
	return s.client.call(ctx, "POST", "/v1/catalogue/events/"+s.event.ID.String()+"/codes", sales.Code{Code: friends, Note: "for friends of the house", Permille: 150}, nil)
}

// segment has customers and events grouped by what was bought so far.
func (f *Festival) segment(ctx context.Context) error {
	return f.client.call(ctx, "POST", "/v1/segments", nil, nil)
}
