package analytics

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/filter"
	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Definition is a standing query as a promoter writes it, in config.yaml, as JSON
// or in the dashboard: count facts of some types that pass a filter, by key, in windows.
type Definition struct {
	Name      string       `json:"name" koanf:"name"`
	Types     []string     `json:"types" koanf:"types"`                 // of facts and events, such as sale.completed
	Filter    string       `json:"filter,omitempty" koanf:"filter"`     // see package filter; "": all
	Key       string       `json:"key,omitempty" koanf:"key"`           // a path, such as $.category; "": one series
	Window    WindowText   `json:"window" koanf:"window"`               // what time is cut into
	Aggregate Aggregation  `json:"aggregate" koanf:"aggregate"`         // what is said about a window
	Lateness  LatenessText `json:"lateness,omitzero" koanf:"lateness"`  // what happens to facts out of order
	MaxKeys   int          `json:"max_keys,omitempty" koanf:"max_keys"` // further keys are counted as "other"; 0: windows.max_keys
}

// WindowText is a window with durations as people write them: 30s, 5m, 24h.
type WindowText struct {
	Kind string `json:"kind" koanf:"kind"`
	Size string `json:"size,omitempty" koanf:"size"`
	Hop  string `json:"hop,omitempty" koanf:"hop"`
	Gap  string `json:"gap,omitempty" koanf:"gap"`
}

// Aggregation is a function of the values at a path.
type Aggregation struct {
	Function string  `json:"function" koanf:"function"`
	Of       string  `json:"of,omitempty" koanf:"of"` // a path; nothing for count
	Q        float64 `json:"q,omitempty" koanf:"q"`   // of quantile
}

// LatenessText says how far facts may be out of order.
type LatenessText struct {
	Late      string `json:"late,omitempty" koanf:"late"`           // older than its arrival by; 60s
	Reorder   string `json:"reorder,omitempty" koanf:"reorder"`     // older than the newest before it by; 5s
	Otherwise string `json:"otherwise,omitempty" koanf:"otherwise"` // adjust (the default) or drop
}

// Query is a standing query and how it stands.
type Query struct {
	Definition
	Origin    string     `json:"origin"`    // config or dashboard
	Since     time.Time  `json:"since"`     // facts received before do not count
	PausedAt  *time.Time `json:"paused_at"` // nil: running
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`

	id int64
}

// Origins of a query.
const (
	originConfig    = "config"
	originDashboard = "dashboard"
)

// Defaults and bounds of a query.
const (
	defaultLate    = time.Minute
	defaultReorder = 5 * time.Second
	maxLate        = 24 * time.Hour
	maxTypes       = 20
	maxKeysLimit   = 100_000
	maxPanes       = 1_000_000 // parts a query may hold: max_keys × size ÷ hop
	maxKeyBytes    = 200       // of a key's value; longer ones are counted as "other"
	otherKey       = "other"
)

var (
	queryName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	typeName  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$`)
)

// plan is a definition, checked and ready to run. It is immutable.
type plan struct {
	types     []string
	filter    *filter.Expr
	key, of   *filter.Path // nil: none
	window    window.Window
	aggregate window.Aggregate
	policy    window.Policy
	maxKeys   int
}

// plan checks a definition. All faults are reported at once, by JSON name.
// Errors: fault.Invalid.
func (w Windows) plan(d Definition) (*plan, error) {
	c := &checker{}
	if !queryName.MatchString(d.Name) {
		c.bad("name", fmt.Sprintf("%q is not a name", d.Name), "1 to 63 of a–z, 0–9 and -, such as sales-per-minute")
	}
	p := &plan{types: d.Types, maxKeys: d.MaxKeys}
	c.types(d.Types)
	p.filter = c.filter(d.Filter)
	p.key = c.path("key", d.Key)
	p.window = c.window(d.Window)
	p.aggregate, p.of = c.aggregate(d.Aggregate)
	p.policy = c.lateness(d.Lateness)
	if p.maxKeys == 0 {
		p.maxKeys = w.MaxKeys
	}
	c.keys(p)
	if err := fault.BadFields("analytics.Definition", c.faults); err != nil {
		return nil, err
	}
	return p, nil
}

// checker gathers the faults of a definition.
type checker struct{ faults []fault.Field }

func (c *checker) bad(name, problem, fix string) {
	c.faults = append(c.faults, fault.Field{Name: name, Problem: problem, Fix: fix})
}

// under adds faults of a part of the definition under its name.
func (c *checker) under(name string, fields []fault.Field) {
	for _, f := range fields {
		c.bad(name+"."+f.Name, f.Problem, f.Fix)
	}
}

func (c *checker) types(types []string) {
	if len(types) == 0 || len(types) > maxTypes {
		c.bad("types", fmt.Sprintf("has %d entries", len(types)), fmt.Sprintf("1 to %d types of facts, such as sale.completed", maxTypes))
	}
	for i, t := range types {
		if len(t) > 100 || !typeName.MatchString(t) {
			c.bad(fmt.Sprintf("types[%d]", i), fmt.Sprintf("%q is not a type", t), "lower-case words joined by dots, such as sale.completed or x.door")
		} else if slices.Contains(types[:i], t) {
			c.bad(fmt.Sprintf("types[%d]", i), t+" is there already", "name each type once")
		}
	}
}

func (c *checker) filter(text string) *filter.Expr {
	e, err := filter.Parse(text)
	c.parsed("filter", err)
	return e
}

func (c *checker) path(name, text string) *filter.Path {
	if text == "" {
		return nil
	}
	p, err := filter.ParsePath(text)
	c.parsed(name, err)
	return &p
}

// parsed takes over what a parser says.
func (c *checker) parsed(name string, err error) {
	if f, ok := err.(*fault.Error); ok { //nolint:errorlint // the parser's own, never wrapped
		c.bad(name, f.Fields[0].Problem, f.Fix)
	}
}

// duration reads a duration; blank is the default.
func (c *checker) duration(name, text string, def time.Duration) time.Duration {
	if text == "" {
		return def
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		c.bad(name, fmt.Sprintf("%q is not a duration", text), "a number and its unit, such as 30s, 5m or 24h")
	}
	return d
}

func (c *checker) window(t WindowText) window.Window {
	before := len(c.faults)
	w := window.Window{Kind: window.Kind(t.Kind), Size: c.duration("window.size", t.Size, 0), Hop: c.duration("window.hop", t.Hop, 0), Gap: c.duration("window.gap", t.Gap, 0)}
	if len(c.faults) == before {
		c.under("window", w.Check())
	}
	return w
}

func (c *checker) aggregate(t Aggregation) (window.Aggregate, *filter.Path) {
	a := window.Aggregate{Function: window.Function(t.Function), Q: t.Q}
	c.under("aggregate", a.Check())
	of := c.path("aggregate.of", t.Of)
	switch {
	case a.Function == window.Count && t.Of != "":
		c.bad("aggregate.of", "means nothing for count", "leave it out, or filter with exists("+t.Of+")")
	case a.Function != window.Count && t.Of == "":
		c.bad("aggregate.of", "is missing", "the path of the value, such as $.total")
	}
	return a, of
}

func (c *checker) lateness(t LatenessText) window.Policy {
	p := window.Policy{Late: c.duration("lateness.late", t.Late, defaultLate), Reorder: c.duration("lateness.reorder", t.Reorder, defaultReorder), Drop: t.Otherwise == "drop"}
	for name, d := range map[string]time.Duration{"lateness.late": p.Late, "lateness.reorder": p.Reorder} {
		if d < 0 || d > maxLate {
			c.bad(name, "is "+d.String(), "from 0s to "+maxLate.String())
		}
	}
	if !slices.Contains([]string{"", "adjust", "drop"}, t.Otherwise) {
		c.bad("lateness.otherwise", fmt.Sprintf("is %q", t.Otherwise), "adjust, which counts the fact at the next best time, or drop")
	}
	return p
}

func (c *checker) keys(p *plan) {
	if p.maxKeys < 1 || p.maxKeys > maxKeysLimit {
		c.bad("max_keys", fmt.Sprintf("is %d", p.maxKeys), fmt.Sprintf("from 1 to %d", maxKeysLimit))
		return
	}
	if w := p.window; p.key != nil && w.Hop >= window.MinStep && int64(w.Size/w.Hop)*int64(p.maxKeys) > maxPanes {
		c.bad("max_keys", fmt.Sprintf("and %d hops in a window are too much state", w.Size/w.Hop), fmt.Sprintf("a longer hop, or at most %d keys", maxPanes/int64(w.Size/w.Hop)))
	}
}

// reading is what a query makes of a fact.
type reading int

const (
	passed   reading = iota // it is none of the query's
	unusable                // it would be, but lacks the value to aggregate
	counted
)

// take looks at a fact of one of the plan's types.
func (p *plan) take(d filter.Document) (key string, v window.Value, is reading) {
	if !p.filter.Match(d) {
		return "", v, passed
	}
	if p.of != nil {
		var ok bool
		if p.aggregate.Numeric() {
			v.Number, ok = p.of.Number(d)
		} else {
			v.Text, ok = p.of.Text(d)
		}
		if !ok {
			return "", v, unusable
		}
	}
	if p.key != nil {
		if key, _ = p.key.Text(d); len(key) > maxKeyBytes {
			key = otherKey
		}
	}
	return key, v, counted
}
