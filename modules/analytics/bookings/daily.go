package bookings

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// needed are the columns of the daily format; others that are known are optional.
var needed = []string{"event_id", "event_date", "on_sale_date", "capacity", "date", "sold"}

var optional = []string{"price", "list_price", "genre", "tags", "artist", "city", "lat", "lon", "weekend", "social", "sentiment"}

// Daily reads daily bookings: one line an event and day, with the tickets sold that day.
//
// What belongs to the event stands in every line, or in the first of them; missing days
// sold nothing. Columns of other names are ignored. name is the file's, for messages.
// Events come in the order of their dates. Errors: fault.Invalid with every line that is
// wrong and its fix.
func Daily(name string, r io.Reader) ([]*forecast.Event, error) {
	s, err := open(name, r)
	if err != nil {
		return nil, err
	}
	if !s.has(needed...) {
		var missing []string
		for _, c := range needed {
			if !s.has(c) {
				missing = append(missing, c)
			}
		}
		return nil, fault.BadField("bookings.Daily", name+": line 1", "lacks the columns "+strings.Join(missing, ", "), "daily bookings have "+strings.Join(needed, ", ")+", and may have "+strings.Join(optional, ", "))
	}
	in := daily{sheet: s, at: map[string]*history{}}
	for s.next() {
		in.take()
	}
	if s.lines == 0 {
		s.complain("", "is missing: the file has no bookings", "one line for each event and day")
	}
	if err := s.wrong(); err != nil {
		return nil, err
	}
	return in.finish(), nil
}

// daily gathers lines into events.
type daily struct {
	*sheet
	at    map[string]*history // by id
	order []*history
}

type history struct {
	*forecast.Event
	line                      int                  // its first
	days                      map[forecast.Day]int // lines by day
	social, sentiment, prices bool                 // there are some
}

func (in *daily) take() {
	id := in.get("event_id")
	if id == "" {
		in.complain("event_id", "is empty", "the same text in all lines of the event")
		return
	}
	h := in.at[id]
	if h == nil {
		if h = in.event(id); h == nil {
			return
		}
		in.at[id] = h
		in.order = append(in.order, h)
	} else {
		in.agrees(h)
	}
	day, ok := in.day("date")
	if !ok {
		return
	}
	if day < h.OnSale || day > h.Date {
		in.complain("date", fmt.Sprintf("%v is not between the first day of sale, %v, and the event, %v", day, h.OnSale, h.Date), "leave out sales of other days, or mend the event's dates")
		return
	}
	if before, twice := h.days[day]; twice {
		in.complain("date", fmt.Sprintf("%v of event %s stands in line %d already", day, clip(id), before), "one line for each event and day")
		return
	}
	h.days[day] = in.line
	i := int(day - h.OnSale)
	h.Sold[i] = in.whole("sold", -maxCapacity, maxCapacity)
	h.Price[i] = in.number("price", 0, 1e9)
	h.Social[i] = in.number("social", 0, 1e9)
	h.Sentiment[i] = in.number("sentiment", -1, 1)
	h.sentiment = h.sentiment || in.get("sentiment") != ""
	h.prices = h.prices || in.get("price") != ""
	h.social = h.social || in.get("social") != ""
}

// event reads what belongs to the event from its first line; nil when that is wrong.
func (in *daily) event(id string) *history {
	date, ok := in.day("event_date")
	sale, ok2 := in.day("on_sale_date")
	if !ok || !ok2 {
		return nil
	}
	if sale > date || date-sale > maxLead {
		in.complain("on_sale_date", fmt.Sprintf("%v is not within %d days before the event, %v", sale, maxLead, date), "the first day of sale")
		return nil
	}
	e := &forecast.Event{ID: id, Date: date, OnSale: sale, Capacity: in.whole("capacity", 1, maxCapacity), ListPrice: in.number("list_price", 0, 1e9),
		Genre: in.get("genre"), Artist: in.get("artist"), City: in.get("city")}
	e.Tags = strings.FieldsFunc(in.get("tags"), func(r rune) bool { return r == '|' || r == ';' || r == ',' })
	for i, t := range e.Tags {
		e.Tags[i] = strings.TrimSpace(t)
	}
	if in.get("lat") != "" && in.get("lon") != "" {
		e.Lat, e.Lon, e.Located = in.number("lat", -90, 90), in.number("lon", -180, 180), true
	}
	if yes, stated := in.yes("weekend"); stated {
		e.OnWeekend, e.NotOnWeekend = yes, !yes
	}
	n := int(date-sale) + 1
	e.Sold, e.Price, e.Social, e.Sentiment = make([]int, n), make([]float64, n), make([]float64, n), make([]float64, n)
	return &history{Event: e, line: in.line, days: map[forecast.Day]int{}}
}

// agrees checks that a later line says of the event what its first did.
func (in *daily) agrees(h *history) {
	for column, want := range map[string]string{"event_date": h.Date.String(), "on_sale_date": h.OnSale.String(), "capacity": strconv.Itoa(h.Capacity)} {
		got := in.get(column)
		if column != "capacity" {
			got = got[:min(len(got), len(want))]
		}
		if got != "" && got != want {
			in.complain(column, fmt.Sprintf("%q of event %s was %s in line %d", clip(got), clip(h.ID), want, h.line), "the same in all lines of an event")
		}
	}
}

func (in *daily) finish() (out []*forecast.Event) {
	for _, h := range in.order {
		if !h.prices {
			h.Price = nil
		}
		if !h.social {
			h.Social = nil
		}
		if !h.sentiment {
			h.Sentiment = nil
		}
		out = append(out, h.Event)
	}
	slices.SortStableFunc(out, func(a, b *forecast.Event) int { return cmp.Compare(a.Date, b.Date) })
	return out
}

// WriteDaily writes events in the daily format.
func WriteDaily(w io.Writer, events []*forecast.Event) error {
	out := csv.NewWriter(w)
	if err := out.Write(slices.Concat(needed, optional)); err != nil {
		return err
	}
	for _, e := range events {
		for i, sold := range e.Sold {
			if err := out.Write(dailyLine(e, i, sold)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func dailyLine(e *forecast.Event, i, sold int) []string {
	number := func(x float64, known bool) string {
		if !known {
			return ""
		}
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	daily := func(x []float64) string {
		if i >= len(x) {
			return ""
		}
		return number(x[i], true)
	}
	weekend := ""
	if e.OnWeekend {
		weekend = "1"
	} else if e.NotOnWeekend {
		weekend = "0"
	}
	return []string{e.ID, e.Date.String(), e.OnSale.String(), strconv.Itoa(e.Capacity), (e.OnSale + forecast.Day(i)).String(), strconv.Itoa(sold),
		daily(e.Price), number(e.ListPrice, e.ListPrice > 0), e.Genre, strings.Join(e.Tags, "|"), e.Artist, e.City,
		number(e.Lat, e.Located), number(e.Lon, e.Located), weekend, daily(e.Social), daily(e.Sentiment)}
}
