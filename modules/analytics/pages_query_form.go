package analytics

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// queryEdit is the form for a query, what is wrong with it, and what it would give.
type queryEdit struct { //nolint:recvcheck // withChoices gives another one; place changes it
	Form      queryForm
	Name      string                   // of the query that is edited; "" for a new one
	To        string                   // where the form goes
	Wrong     map[string][]fault.Field // by input name
	Elsewhere []fault.Field
	Trial     *Trial
	Rows      []outputRow // the trial's
	Kinds     []choice
	Functions []choice
}

type choice struct{ Value, Words string }

func (p queryEdit) withChoices() queryEdit {
	for _, k := range window.Kinds {
		p.Kinds = append(p.Kinds, choice{string(k), kindWords[k]})
	}
	for _, f := range window.Functions {
		p.Functions = append(p.Functions, choice{string(f), functionWords[f]})
	}
	return p
}

var kindWords = map[window.Kind]string{
	window.Tumbling: "tumbling: one after the other", window.Hopping: "hopping: overlapping, a new one every hop",
	window.Sliding: "sliding: whenever something changes", window.Session: "session: until nothing came for a while", window.Snapshot: "snapshot: what has the same time",
}

var functionWords = map[window.Function]string{
	window.Count: "count of facts", window.Sum: "sum", window.Min: "smallest", window.Max: "largest", window.Mean: "mean",
	window.Variance: "variance", window.Distinct: "count of different values (± 1.6 %)", window.Quantile: "quantile (± 1 %)",
}

// queryForm is the form as it was filled in. Its inputs are named as a
// definition's fields are in JSON.
type queryForm struct {
	Definition
	TypesText string
	Q         string
	Keys      string
}

func newQueryForm() queryForm {
	return queryForm{TypesText: "sale.completed", Definition: Definition{Window: WindowText{Kind: "tumbling", Size: "1m"}, Aggregate: Aggregation{Function: "count"}}}
}

func formOf(d Definition) queryForm {
	f := queryForm{Definition: d, TypesText: strings.Join(d.Types, ", ")}
	if d.Aggregate.Q != 0 {
		f.Q = strconv.FormatFloat(d.Aggregate.Q, 'g', -1, 64)
	}
	if d.MaxKeys != 0 {
		f.Keys = strconv.Itoa(d.MaxKeys)
	}
	return f
}

func readQueryForm(v url.Values) queryForm {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return queryForm{
		TypesText: get("types"), Q: get("aggregate.q"), Keys: get("max_keys"),
		Definition: Definition{
			Name: get("name"), Filter: get("filter"), Key: get("key"),
			Types:     strings.FieldsFunc(v.Get("types"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' }),
			Window:    WindowText{Kind: get("window.kind"), Size: get("window.size"), Hop: get("window.hop"), Gap: get("window.gap")},
			Aggregate: Aggregation{Function: get("aggregate.function"), Of: get("aggregate.of")},
			Lateness:  LatenessText{Late: get("lateness.late"), Reorder: get("lateness.reorder"), Otherwise: get("lateness.otherwise")},
		},
	}
}

// definition makes a Definition of the form; the fields are what the form alone can get wrong.
func (f queryForm) definition() (d Definition, wrong []fault.Field) {
	d = f.Definition
	var err error
	if f.Q != "" {
		if d.Aggregate.Q, err = strconv.ParseFloat(f.Q, 64); err != nil {
			wrong = append(wrong, fault.Field{Name: "aggregate.q", Problem: "is not a number", Fix: "between 0 and 1, such as 0.5 for the median"})
		}
	}
	if f.Keys != "" {
		if d.MaxKeys, err = strconv.Atoi(f.Keys); err != nil {
			wrong = append(wrong, fault.Field{Name: "max_keys", Problem: "is not a whole number", Fix: "such as 1000"})
		}
	}
	return d, wrong
}

// queryInputs are the inputs a fault can stand beside.
var queryInputs = []string{"name", "types", "filter", "key", "window.kind", "window.size", "window.hop", "window.gap", "aggregate.function", "aggregate.of",
	"aggregate.q", "lateness.late", "lateness.reorder", "lateness.otherwise", "max_keys"}

// place sorts faults by the input they belong to; the same fault only once.
func (p *queryEdit) place(wrong []fault.Field) {
	p.Wrong = map[string][]fault.Field{}
	for _, f := range wrong {
		name, _, _ := strings.Cut(f.Name, "[")
		if !slices.Contains(queryInputs, name) {
			p.Elsewhere = append(p.Elsewhere, f)
		} else if !slices.Contains(p.Wrong[name], f) {
			p.Wrong[name] = append(p.Wrong[name], f)
		}
	}
}

// fieldsOfQuery is what an error says about inputs; one that names none is about the name.
func fieldsOfQuery(f *fault.Error) []fault.Field {
	if len(f.Fields) > 0 {
		return f.Fields
	}
	return []fault.Field{{Name: "name", Problem: f.Message, Fix: f.Fix}}
}
