package analytics

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
)

// Assistant is when followers of events are told what forecasts say of them.
type Assistant struct {
	On     bool    `koanf:"on"`
	Chance float64 `koanf:"chance"` // least probability of being sold out within a week that is worth a message
	Alike  float64 `koanf:"alike"`  // least similarity of an event that followers of another may like
	Like   float64 `koanf:"like"`   // least probability that they will want to go
}

// check reports what is wrong with analytics.assistant.
func (a Assistant) check() (bad []fault.Field) {
	for name, x := range map[string]float64{"chance": a.Chance, "alike": a.Alike} {
		if !(x >= .5 && x <= 1) {
			bad = append(bad, fault.Field{Name: "analytics.assistant." + name, Problem: fmt.Sprintf("is %g", x), Fix: "between 0.5 and 1: below it nothing is likely"})
		}
	}
	if !(a.Like >= 0 && a.Like <= 1) {
		bad = append(bad, fault.Field{Name: "analytics.assistant.like", Problem: fmt.Sprintf("is %g", a.Like), Fix: "between 0 and 1, such as 0.05"})
	}
	return bad
}

// What the assistant tells of, each with a template of the promoter's own, else the alert.
const (
	hintScarce = "likely-to-sell-out"
	hintLike   = "you-may-like"
)

const (
	scarceDays = 7                // ahead
	freshDays  = 7                // an event on sale for so long is news
	likeMost   = 3                // events whose followers hear of another
	hintFor    = 30 * time.Minute // a phone that wakes up later does not hear what may have changed
)

// hint is one thing that may be worth telling; whether it is true is looked up when it is told.
type hint struct {
	Kind  string `json:"kind"`
	Event id.ID  `json:"event"`
	Like  id.ID  `json:"like"` // the event whose followers hear of it
	Week  string `json:"week"` // the same is told once a week at most
}

// once names a hint, so that it is told once.
func (h hint) once() id.ID {
	sum := sha256.Sum256([]byte(h.Kind + "\x00" + h.Event.String() + "\x00" + h.Like.String() + "\x00" + h.Week))
	out := id.ID(sum[:16])
	out[6], out[8] = out[6]&0x0f|0x80, out[8]&0x3f|0x80 // UUID version 8: our own hash
	return out
}

// Assist looks for what followers should hear, and asks for a job for each.
func (s *Service) Assist(ctx context.Context) error {
	if !s.cfg.Assistant.On || s.shop == nil || s.crier == nil {
		return nil
	}
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	eye, err := s.seer(ctx, h.calendar())
	if err != nil {
		return err
	}
	hints := s.hints(h, eye)
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, x := range hints {
			if err := tx.Enqueue(db.Job{Name: jobHint, Queue: laneForecast, Payload: x, Timeout: time.Minute, Retries: 5}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) hints(h *history, eye seer) (out []hint) {
	year, week := s.db.Now().ISOWeek()
	this := fmt.Sprintf("%d-%d", year, week)
	for _, e := range h.sales {
		if e.over() || e.Capacity == 0 || e.Sold >= e.Capacity || e.Whole.OnSale > e.Today {
			continue
		}
		if eye.scarce(e) >= s.cfg.Assistant.Chance {
			out = append(out, hint{Kind: hintScarce, Event: e.ID, Week: this})
		}
		if e.Today-e.Whole.OnSale <= freshDays {
			for _, other := range alike(e, h.sales, s.cfg.Assistant.Alike) {
				out = append(out, hint{Kind: hintLike, Event: e.ID, Like: other.ID})
			}
		}
	}
	return out
}

// scarce is the probability that an event is sold out within a week.
func (y seer) scarce(e *saleEvent) float64 {
	f := y.one(e, id.Nil, e.Whole, e.Sold)
	if len(f.Curve.SoldOut) == 0 {
		return 0
	}
	return f.Curve.SoldOut[min(scarceDays, len(f.Curve.SoldOut)-1)] // element 0 is today
}

// alike are the events most like e, past ones too: their followers may like it.
func alike(e *saleEvent, all []*saleEvent, least float64) (out []*saleEvent) {
	for _, x := range all {
		if x.ID != e.ID && e.Whole.Genre != "" && forecast.Similarity(e.Whole, x.Whole) >= least {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b *saleEvent) int {
		switch x, y := forecast.Similarity(e.Whole, a.Whole), forecast.Similarity(e.Whole, b.Whole); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out[:min(len(out), likeMost)]
}

// tellHint tells a hint if it is true now: the event is on sale, tickets are left, and
// the forecast made now says so. What is no longer true is not told.
func (s *Service) tellHint(ctx context.Context, x hint) error {
	e, err := s.shop.Listing(ctx, x.Event)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := s.db.Now()
	if !e.Live || now.Before(e.SaleFrom) || !now.Before(e.SaleEnd) || free(&e) == 0 {
		return nil
	}
	h, err := s.history(ctx)
	if err != nil {
		return err
	}
	words, tags, err := s.tidings(ctx, x, &e, h)
	if err != nil || words == nil {
		return err
	}
	words["title"], words["url"], words["slug"] = e.Title, e.Path, e.Slug
	err = s.crier.Tell(ctx, x.once(), x.Kind, tags, words, now.Add(hintFor))
	if fault.Is(err, fault.NotFound) {
		return nil // no app: nobody to tell
	}
	return err
}

// tidings are the words of a hint and who hears them; nil when it is not true any more.
func (s *Service) tidings(ctx context.Context, x hint, e *listing.Event, h *history) (words map[string]any, tags string, err error) {
	at := func(which id.ID) *saleEvent {
		if i := slices.IndexFunc(h.sales, func(k *saleEvent) bool { return k.ID == which }); i >= 0 {
			return h.sales[i]
		}
		return nil
	}
	event := at(x.Event)
	if event == nil {
		return nil, "", nil
	}
	if x.Kind == hintLike {
		other := at(x.Like)
		if other == nil || forecast.Similarity(event.Whole, other.Whole) < s.cfg.Assistant.Alike {
			return nil, "", nil
		}
		words, err = s.likeWords(ctx, h)
		return words, "follow:" + other.Slug + " && !follow:" + e.Slug, err
	}
	eye, err := s.seer(ctx, h.calendar())
	if err != nil {
		return nil, "", err
	}
	p := eye.scarce(event)
	if p < s.cfg.Assistant.Chance {
		return nil, "", nil
	}
	return scarceWords(p, min(event.Today+scarceDays, event.Whole.Date)+1, free(e)), "follow:" + e.Slug, nil
}

// free is how many tickets can be bought now.
func free(e *listing.Event) (n int) {
	for _, c := range e.Categories {
		n += max(c.Free, 0)
	}
	return n
}
