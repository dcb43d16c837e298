package sales

import (
	"errors"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// moment is a point in time on the clock of an event's venue.
type moment struct {
	at   time.Time
	zone string
}

func (e *Event) on(t *time.Time) moment {
	if t == nil {
		return moment{zone: e.Zone}
	}
	return moment{*t, e.Zone}
}

func (m moment) local() time.Time {
	place, err := time.LoadLocation(m.zone)
	if err != nil {
		place = time.UTC
	}
	return m.at.In(place)
}

// HTML is a time element: for people on the venue's clock, for programs exactly.
func (m moment) HTML() template.HTML {
	if m.at.IsZero() {
		return "–"
	}
	return template.HTML(`<time datetime="` + m.at.UTC().Format(time.RFC3339) + `">` + m.local().Format("Mon 2 Jan 2006, 15:04") + `</time>`) //nolint:gosec // digits and letters only
}

// toSecond is for telling two uses apart: "1 Jun 20:00:05".
func (m moment) toSecond() string { return m.local().Format("2 Jan 15:04:05") }

// Input is the form that a datetime-local input takes; "" for none.
func (m moment) Input() string {
	if m.at.IsZero() {
		return ""
	}
	return m.local().Format("2006-01-02T15:04")
}

// Exact is for an input that must keep what it was given.
func (m moment) Exact() string {
	if m.at.IsZero() {
		return ""
	}
	return m.at.UTC().Format(time.RFC3339)
}

// placed sorts an error's faults by the input they belong to; the rest has none. A
// name before the first point stands for all within: names.de.title belongs to names.
func placed(err error, inputs ...string) (by map[string][]fault.Field, rest []fault.Field) {
	by = map[string][]fault.Field{}
	fields := fieldsOfFault(err)
	if len(fields) == 0 && err != nil {
		fix := ""
		if f, ok := errors.AsType[*fault.Error](err); ok {
			fix = f.Fix
		}
		return by, []fault.Field{{Problem: fault.Message(err), Fix: fix}}
	}
	for _, f := range fields {
		name := f.Name
		for name != "" && !slices.Contains(inputs, name) {
			cut := strings.LastIndexAny(name, ".[")
			name = name[:max(cut, 0)]
		}
		if name == "" {
			rest = append(rest, f)
		} else {
			by[name] = append(by[name], f)
		}
	}
	return by, rest
}

// toldIn is placed for a form, in its words and units.
func toldIn(form web.Inputs, err error) (by map[string][]fault.Field, rest []fault.Field) {
	_, faults := placed(err)
	return form.Place(faults)
}

// mended reports whether a form can be shown again with what is wrong: faults of the
// input, and those of the moment that the person can resolve.
func mended(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict)
}
