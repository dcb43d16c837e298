package window

import (
	"cmp"
	"maps"
	"slices"
)

// Engine counts a stream in memory: for trying a query out, and as the model that
// the runtime over PostgreSQL is compared with. It is not safe for concurrent use.
type Engine struct {
	Window    Window
	Aggregate Aggregate
	Policy    Policy
	Marks     []Watermark // by partition

	parts []map[string][]Part // by partition and key
	from  Micros              // windows that end before are final
}

// Keyed is a window's result and whose it is.
type Keyed struct {
	Key string
	Result
}

// NewEngine makes an engine for a stream of so many partitions that begins at since.
func NewEngine(w Window, a Aggregate, p Policy, partitions int, since Micros) *Engine {
	e := &Engine{Window: w, Aggregate: a, Policy: p, Marks: make([]Watermark, partitions), parts: make([]map[string][]Part, partitions), from: since}
	for i := range e.Marks {
		e.Marks[i].At = since
		e.parts[i] = map[string][]Part{}
	}
	return e
}

// Observe counts an event; false when the policy dropped it.
func (e *Engine) Observe(partition int, key string, event, arrival Micros, v Value) bool {
	at, ok := e.Policy.Admit(&e.Marks[partition], event, arrival)
	if ok {
		e.parts[partition][key] = e.Window.Add(e.parts[partition][key], at, v, e.Aggregate)
	}
	return ok
}

// Idle says that nothing waits in a partition at now.
func (e *Engine) Idle(partition int, now Micros) { e.Policy.Idle(&e.Marks[partition], now) }

// Watermark is the least of the partitions'.
func (e *Engine) Watermark() Micros {
	return slices.MinFunc(e.Marks, func(a, b Watermark) int { return cmp.Compare(a.At, b.At) }).At
}

// Finals gives the windows that have become final since the last call, in order
// of end and key, and forgets what no other window needs.
func (e *Engine) Finals() []Keyed {
	until := e.Watermark()
	if until <= e.from {
		return nil
	}
	var out []Keyed
	for key, parts := range e.joined() {
		results := e.Window.Results(parts, e.from, until)
		for _, r := range results {
			out = append(out, Keyed{key, r})
		}
		e.forget(key, results, until)
	}
	e.from = until
	slices.SortFunc(out, byEnd)
	return out
}

// Open gives the windows that are not final, as far as they are at now.
func (e *Engine) Open(now Micros) []Keyed {
	var out []Keyed
	for key, parts := range e.joined() {
		for _, r := range e.Window.Results(parts, e.from, e.Window.Open(now)+1) {
			out = append(out, Keyed{key, r})
		}
	}
	slices.SortFunc(out, byEnd)
	return out
}

func byEnd(a, b Keyed) int {
	return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Start, b.Start))
}

// joined is all partitions' parts by key.
func (e *Engine) joined() map[string][]Part {
	all := map[string][]Part{}
	for _, byKey := range e.parts {
		for key, parts := range byKey {
			copies := slices.Clone(parts)
			for i := range copies {
				copies[i].State = copies[i].State.Clone()
			}
			all[key] = e.Window.Join(all[key], copies)
		}
	}
	return all
}

// forget drops a key's parts that lie in final sessions, or in no window to come.
func (e *Engine) forget(key string, finals []Result, until Micros) {
	gone := until - span(e.Window.Reach()) // parts that end before are in no open window
	if e.Window.Kind == Session {
		gone = Never // a part may still belong to a session that another partition keeps open
		if n := len(finals); n > 0 {
			gone = finals[n-1].Last + 1
		}
	}
	for _, byKey := range e.parts {
		byKey[key] = slices.DeleteFunc(byKey[key], func(p Part) bool { return p.End < gone })
	}
	for _, byKey := range e.parts {
		maps.DeleteFunc(byKey, func(_ string, parts []Part) bool { return len(parts) == 0 })
	}
}
