package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Bounds of a try-out.
const (
	tryFacts   = 5_000 // looked at when nothing else is asked
	tryMost    = 20_000
	tryOutputs = 200 // shown
)

// Trial is what a query would have said about recent facts.
type Trial struct {
	Facts   int        `json:"facts"`   // of its types, in the newest 50,000 of the log
	From    *time.Time `json:"from"`    // when the oldest of them was received
	Counted int        `json:"counted"` // passed the filter, with a value, in order
	QueryStats
	Keys    int      `json:"keys"`
	Outputs []Output `json:"outputs"` // the newest 200 windows, newest first
	More    bool     `json:"more"`    // there were more
}

// TryQuery runs a definition over the newest facts of its types, at most so many
// (0: 5,000), and stores nothing. Errors: fault.Invalid with every fault of the definition.
func (s *Service) TryQuery(ctx context.Context, d Definition, facts int) (Trial, error) {
	p, err := s.cfg.Windows.plan(d)
	if err != nil {
		return Trial{}, err
	}
	if facts < 1 {
		facts = tryFacts
	}
	recent, err := s.stream.Recent(ctx, d.Types, min(facts, tryMost))
	if err != nil || len(recent) == 0 {
		return Trial{QueryStats: QueryStats{Query: d.Name}, Outputs: []Output{}}, err
	}
	return p.try(d.Name, recent), nil
}

func (p *plan) try(name string, facts []stream.Fact) Trial {
	oldest := slices.MinFunc(facts, func(a, b stream.Fact) int { return a.ReceivedAt.Compare(b.ReceivedAt) }).ReceivedAt
	t := Trial{Facts: len(facts), From: &oldest, QueryStats: QueryStats{Query: name}}
	e := window.NewEngine(p.window, p.aggregate, p.policy, db.Partitions, window.At(oldest.Add(-p.policy.Late)))
	keys := map[string]bool{}
	newest := window.Never
	for _, f := range facts {
		key, v, is := p.take(documentOf(f))
		if is == unusable {
			t.Unusable++
		}
		if is != counted {
			continue
		}
		if !keys[key] && len(keys) >= p.maxKeys {
			key = otherKey
			t.Overflow++
		}
		if e.Observe(int(f.Partition), key, window.At(f.Time), window.At(f.ReceivedAt), v) {
			keys[key] = true
			t.Counted++
			newest = max(newest, window.At(f.Time), window.At(f.ReceivedAt))
		}
	}
	for _, m := range e.Marks {
		t.Early, t.Late, t.OutOfOrder, t.Dropped = t.Early+m.Early, t.Late+m.Late, t.OutOfOrder+m.OutOfOrder, t.Dropped+m.Dropped
	}
	t.QueryStats.Facts, t.Keys = int64(t.Counted), len(keys)
	q := standing{Query: Query{Definition: Definition{Name: name}}, plan: p, completeFrom: oldest}
	t.Outputs = []Output{}
	for _, r := range e.Open(newest) {
		t.Outputs = append(t.Outputs, q.output(r.Key, r.Result))
	}
	slices.SortFunc(t.Outputs, func(a, b Output) int { return cmp.Or(b.End.Compare(a.End), cmp.Compare(a.Key, b.Key)) })
	if t.More = len(t.Outputs) > tryOutputs; t.More {
		t.Outputs = t.Outputs[:tryOutputs]
	}
	return t
}
