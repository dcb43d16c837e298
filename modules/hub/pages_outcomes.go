package hub

import (
	"strings"

	"github.com/usherhq/usher/modules/kernel/web"
)

// kind is a state of a delivery as the pages show it. Each has a colour and a
// pattern of its own (templates/hub/_bars.html), so that bars can be read
// without colours.
type kind struct{ State, Name, Means string }

// stateOpen stands for deliveries without an outcome so far.
const stateOpen = "open"

// kinds in the order of the bars: what went well first, what is open last.
var kinds = []kind{
	{stateDelivered, "Delivered", "the push service took the message"},
	{stateGone, "Gone", "the app was removed or its handle ran out; the installation is retired"},
	{stateQuarantined, "Quarantined", "the handle does not fit the app; a person must look"},
	{stateFailed, "Failed", "the push service refused this message"},
	{stateExpired, "Expired", "the message ran out before it could go"},
	{stateCapped, "Capped", "the app's frequency cap was reached"},
	{stateSkipped, "Skipped", "it would have come too late, or the installation had lapsed"},
	{stateOpen, "Open", "no outcome yet"},
}

// segment is one stretch of a stacked bar; X and Width are percent of it.
type segment struct {
	kind
	Count    web.Number
	Share    string
	X, Width float64
}

// barRow is a stacked bar and the numbers behind it, one for each of its table's kinds.
type barRow struct {
	Name     web.Text
	Locale   string // set for a language
	Total    web.Number
	Rate     string // delivered of total
	Segments []segment
	Cells    []web.Number
}

// barTable is a table of stacked bars. Only kinds that occur have a column.
type barTable struct {
	Caption string
	Head    string // of the first column
	Kinds   []kind
	Rows    []barRow
}

// unsent is what stateOpen means once nothing more will happen.
var unsent = kind{stateOpen, "Not sent", "the notification was cancelled before their turn"}

// newBarTable lays out breakdowns; name says what to call each.
func newBarTable(caption, head string, parts []Breakdown, finished bool, name func(string) web.Text) barTable {
	t := barTable{Caption: caption, Head: head}
	for _, k := range kinds {
		if k.State == stateOpen && finished {
			k = unsent
		}
		for _, b := range parts {
			if countOf(b, k.State) > 0 {
				t.Kinds = append(t.Kinds, k)
				break
			}
		}
	}
	for _, b := range parts {
		total := max(b.Total, b.Recorded)
		row := barRow{Name: name(b.Name), Total: web.Number(total), Rate: percent(b.Outcomes[stateDelivered], total)}
		x := 0.0
		for _, k := range t.Kinds {
			n := countOf(b, k.State)
			row.Cells = append(row.Cells, web.Number(n))
			if n == 0 {
				continue
			}
			w := share(n, total)
			row.Segments = append(row.Segments, segment{kind: k, Count: web.Number(n), Share: percent(n, total), X: x, Width: w})
			x += w
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// countOf is a breakdown's number of a state; stateOpen is what is not recorded.
func countOf(b Breakdown, state string) int64 {
	if state == stateOpen {
		return max(b.Total-b.Recorded, 0)
	}
	return b.Outcomes[state]
}

// servicesTable and localesTable are a report's two breakdowns.
func servicesTable(r Report) barTable {
	return newBarTable("Outcomes by push service", "Service", r.Services, r.Finished(), serviceText)
}

func localesTable(r Report) barTable {
	t := newBarTable("Outcomes by language", "Language", r.Locales, r.Finished(), languageName)
	for i, b := range r.Locales {
		t.Rows[i].Locale = b.Name
	}
	return t
}

// hint is what the promoter can do about a kind of outcome; "" for none.
func hint(state string) string {
	switch state {
	case stateFailed:
		return "Open the CSV to see each refusal's reason; most often the payload does not fit the service."
	case stateQuarantined:
		return "Check that the app's bundle id and project fit the credentials, then register these installations again."
	case stateExpired:
		return "Give the notification a longer validity, or mark it critical if it may pass quiet hours."
	}
	return ""
}

// hints lists what can be done about a report's outcomes.
func hints(r Report) []string {
	var out []string
	for _, k := range kinds {
		if h := hint(k.State); h != "" && r.Outcomes[k.State] > 0 {
			out = append(out, strings.ToUpper(k.Name[:1])+k.Name[1:]+": "+h)
		}
	}
	return out
}
