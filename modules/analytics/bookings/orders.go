package bookings

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// The formats that Any tells apart by their columns.
const (
	FormatDaily      = "usher"
	FormatPretix     = "pretix"
	FormatEventbrite = "eventbrite"
)

// Formats are all of them.
var Formats = []string{FormatDaily, FormatPretix, FormatEventbrite}

// Any reads a file of any known format and says which it was.
//
// Order exports do not tell an event's capacity, and only sometimes its date: those
// events come with Capacity 0, and with the day of the last order as their date.
// Errors: fault.Invalid, as Daily.
func Any(name string, r io.ReadSeeker) (events []*forecast.Event, format string, err error) {
	s, err := open(name, r)
	if err != nil {
		return nil, "", err
	}
	switch {
	case s.has("order code", "position id", "status", "order date"):
		events, err = orders(s, pretix)
		return events, FormatPretix, err
	case s.has("order code", "status", "order date"):
		return nil, FormatPretix, fault.BadField("bookings.Any", name+": line 1", "is pretix's list of orders, which does not say how many tickets each had", `export "Order data", sheet "Order positions", as CSV`)
	case s.has("order #", "order date", "quantity"), s.has("order id", "order date", "ticket quantity"):
		events, err = orders(s, eventbrite)
		return events, FormatEventbrite, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, "", fault.E("bookings.Any", fault.Internal, "the file cannot be read twice", err)
	}
	events, err = Daily(name, r)
	return events, FormatDaily, err
}

// sale is one line of an order export.
type sale struct {
	event string
	date  forecast.Day // of the event; 0: not told
	day   forecast.Day
	qty   int
	price float64 // of one ticket; 0: not told
}

// orders sums up an order export by event and day. read gives false for what counts not.
func orders(s *sheet, read func(*sheet) (sale, bool)) ([]*forecast.Event, error) {
	byEvent := map[string][]sale{}
	var names []string
	for s.next() {
		x, ok := read(s)
		if !ok {
			continue
		}
		if byEvent[x.event] == nil {
			names = append(names, x.event)
		}
		byEvent[x.event] = append(byEvent[x.event], x)
	}
	if len(names) == 0 && len(s.faults) == 0 {
		s.complain("", "is the last: no order in the file was paid", "export all paid orders")
	}
	if err := s.wrong(); err != nil {
		return nil, err
	}
	var out []*forecast.Event
	for _, name := range names {
		out = append(out, gather(name, byEvent[name]))
	}
	slices.SortStableFunc(out, func(a, b *forecast.Event) int { return cmp.Compare(a.Date, b.Date) })
	return out, nil
}

// gather makes an event of its sales: those long before the event count on the first day.
func gather(name string, sales []sale) *forecast.Event {
	e := &forecast.Event{ID: name, OnSale: sales[0].day}
	for _, x := range sales {
		e.Date = max(e.Date, x.date, x.day)
		e.OnSale = min(e.OnSale, x.day)
	}
	if told := sales[0].date; told > 0 && told >= e.OnSale {
		e.Date = told
	}
	e.OnSale = max(e.OnSale, e.Date-maxLead)
	n := int(e.Date-e.OnSale) + 1
	e.Sold, e.Price = make([]int, n), make([]float64, n)
	paid := make([]float64, n)
	for _, x := range sales {
		i := min(max(int(x.day-e.OnSale), 0), n-1)
		e.Sold[i] += x.qty
		if x.price > 0 {
			e.Price[i] += x.price * float64(x.qty)
			paid[i] += float64(x.qty)
		}
	}
	for i := range paid {
		if paid[i] > 0 {
			e.Price[i] /= paid[i]
		}
	}
	return e
}

// pretix reads a line of "Order positions": one ticket.
func pretix(s *sheet) (sale, bool) {
	status := strings.ToLower(s.get("status"))
	if slices.Contains([]string{"canceled", "cancelled", "expired", "pending", "storniert", "abgelaufen", "ausstehend"}, status) {
		return sale{}, false
	}
	x := sale{event: cmp.Or(s.get("event slug"), strings.TrimSuffix(s.name, ".csv")), qty: 1}
	if start := s.get("start date"); start != "" { // one event of a series
		x.event += " " + start[:min(len(start), 16)]
		if x.date, _ = s.day("start date"); x.date == 0 {
			return sale{}, false
		}
	}
	var ok bool
	if x.day, ok = s.day("order date"); !ok {
		return sale{}, false
	}
	x.price = s.number("price", 0, 1e9)
	return x, true
}

// eventbriteDates are how Eventbrite writes a moment, by the reader's country.
var eventbriteDates = []string{"2006-01-02", "Jan 2, 2006", "1/2/2006", "1/2/06", "January 2, 2006", "02 Jan 2006"}

// eventbrite reads a line of the attendees' or orders' report.
func eventbrite(s *sheet) (sale, bool) {
	status := strings.ToLower(cmp.Or(s.get("attendee status"), s.get("order status"), s.get("status")))
	for _, gone := range []string{"not attending", "refunded", "cancel", "deleted", "unpaid"} {
		if strings.Contains(status, gone) {
			return sale{}, false
		}
	}
	x := sale{event: cmp.Or(s.get("event name"), s.get("event id"), strings.TrimSuffix(s.name, ".csv"))}
	var ok bool
	if x.day, ok = s.anyDay("order date"); !ok {
		return sale{}, false
	}
	for _, c := range []string{"event date", "event start date", "event start"} {
		if s.get(c) != "" {
			if x.date, ok = s.anyDay(c); !ok {
				return sale{}, false
			}
			x.event += " " + x.date.String()
			break
		}
	}
	column := "quantity"
	if !s.has(column) {
		column = "ticket quantity"
	}
	x.qty = s.whole(column, 0, 100_000)
	if paid := s.get("total paid"); paid != "" && x.qty > 0 {
		x.price = amount(paid) / float64(x.qty)
	}
	return x, x.qty > 0
}

// anyDay reads a date in any of the forms of Eventbrite.
func (s *sheet) anyDay(column string) (forecast.Day, bool) {
	text := s.get(column)
	for _, form := range eventbriteDates {
		words := strings.Fields(text)
		n := min(strings.Count(form, " ")+1, len(words))
		if t, err := time.Parse(form, strings.TrimSuffix(strings.SplitN(strings.Join(words[:n], " "), "T", 2)[0], ",")); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return forecast.DayOf(t), true
		}
	}
	s.complain(column, fmt.Sprintf("%q is no date", clip(text)), "such as 2026-05-01 or May 1, 2026")
	return 0, false
}

// amount reads a price such as $1,200.50; 0 when it cannot.
func amount(text string) (x float64) {
	digits, scale := 0.0, 0.0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits = digits*10 + float64(r-'0')
			scale *= 10
		case r == '.':
			scale = 1
		}
	}
	if scale > 0 {
		digits /= scale
	}
	return min(digits, 1e9)
}
