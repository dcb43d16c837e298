package sales

import (
	"cmp"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/words"
)

// shownEvent is an event as the portal's pages show it, in words.
type shownEvent struct {
	URL, Title, Summary, Venue, Series string
	Paragraphs                         []string
	When, ISO                          string // on the venue's clock; exactly
	Week, Day, Month                   string // of the stub
	Doors, Ends, SaleUntil, Zone       string
	From                               string // the lowest price
	Status, StatusText                 string
	StatusLong, StatusKind             string // "" while it is on sale
	Sellable                           bool
	Sandbox                            bool
	Tone                               int // of its colours
}

// tones are how many colours the style sheet has for events.
const tones = 6

// shown describes an event at a moment.
func (e *Event) shown(t *words.Tongue, now time.Time) shownEvent {
	text, at := e.Text(t.Lang), e.on(&e.StartsAt).local()
	v := shownEvent{URL: "/shop/events/" + e.Slug, Title: cmp.Or(text.Title, e.Slug), Summary: text.Summary, Venue: e.Venue, Series: e.Series,
		When: t.Moment(at), ISO: e.StartsAt.UTC().Format(time.RFC3339), Week: t.ShortWeekday(at.Weekday()), Day: strconv.Itoa(at.Day()), Month: t.ShortMonth(at),
		Zone: e.Zone, Status: e.status(now), Sandbox: e.Sandbox, Tone: toneOf(cmp.Or(e.Series, e.Slug))}
	for paragraph := range strings.SplitSeq(text.Description, "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph != "" {
			v.Paragraphs = append(v.Paragraphs, paragraph)
		}
	}
	if e.DoorsAt != nil {
		doors := e.on(e.DoorsAt).local()
		if v.Doors = t.Clock(doors); !dateOf(doors).Equal(dateOf(at)) { // the camp of a festival, on the day before
			v.Doors = t.Moment(doors)
		}
	}
	if e.EndsAt != nil {
		v.Ends = t.Moment(e.on(e.EndsAt).local())
	}
	end := e.SaleEnd()
	v.SaleUntil = t.Moment(e.on(&end).local())
	v.StatusText, v.Sellable = t.Say("status."+v.Status), v.Status == "on_sale"
	switch {
	case v.Status == "not_yet":
		v.StatusLong, v.StatusKind = t.Say("long.not_yet", t.Moment(e.on(e.SaleFrom).local())), "warn"
	case v.Status == EventCancelled:
		v.StatusLong, v.StatusKind = t.Say("long.cancelled"), "bad"
	case !v.Sellable:
		v.StatusLong, v.StatusKind = t.Say("long."+v.Status), "warn"
	}
	if lowest, some := e.lowest(); some {
		v.From = priceWords(t, lowest, e.Currency)
		if lowest > 0 {
			v.From = t.Say("from", v.From)
		}
	}
	return v
}

// lowest is what the cheapest ticket costs that everybody may buy, sold out or not; of
// those that cost something, if any does.
func (e *Event) lowest() (minor int64, some bool) {
	for i := range e.Categories {
		c := &e.Categories[i]
		if unit := c.unit(nil); !c.Hidden && (!some || minor == 0 || unit > 0 && unit < minor) {
			minor, some = unit, true
		}
	}
	return minor, some
}

func priceWords(t *words.Tongue, minor int64, currency string) string {
	if minor == 0 {
		return t.Say("free")
	}
	return t.Money(minor, currency)
}

func toneOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % tones)
}

// priceRow is a category on the event's page.
type priceRow struct {
	ID             id.ID
	Title, Summary string
	Price, Was     string // Was: what it costs without the visitor's code
	Fee            string
	Unit           int64 // what the visitor sees, to tell him when it has moved
	Note           string
	Open           bool // can be bought now
	Unpaid         bool // could be, if there were a way to pay
	Label          string
	Choices        []choiceOf
	Plan, PlanText string // where seats are chosen
	Waits          bool   // has a waiting list
}

type choiceOf struct {
	N      int
	Chosen bool
}

// mostChoices bounds how many tickets the event's page offers at once.
const mostChoices = 20

// rows are the categories that a visitor with these codes may see.
func (e *shelfEvent) rows(t *words.Tongue, codes []Code, chosen map[id.ID]int, now time.Time) []priceRow {
	p := pricing{e: e, now: now, codes: codes, useful: make([]bool, len(codes))}
	out := []priceRow{}
	for i := range e.Categories {
		c := &e.Categories[i]
		if c.Hidden && !p.opened(c) {
			continue
		}
		unit := c.unit(nil)
		for _, code := range p.take(c) {
			unit = min(unit, c.unit(&codes[code]))
		}
		r := c.row(t, &e.Event, unit)
		e.tell(&r, t, c, now)
		if r.Open {
			r.Choices = c.choices(chosen[c.ID])
		}
		if r.Plan != "" { // what a code opens has no plan without it
			r.Plan = withQuery(r.Plan, url.Values{"code": textsOf(codes)})
		}
		out = append(out, r)
	}
	return out
}

// tell says in a category's row whether it can be bought now, and what there is to know of it.
func (e *shelfEvent) tell(r *priceRow, t *words.Tongue, c *Category, now time.Time) {
	onSale := e.status(now) == "on_sale" || e.status(now) == "sold_out"
	status := c.status(now)
	if e.queues[c.ID] && status == "on_sale" {
		status = "sold_out" // what there is belongs to those who wait
	}
	r.Unpaid = e.unpaid && r.Unit > 0 && onSale && status == "on_sale"
	r.Open, r.Waits = onSale && status == "on_sale" && !r.Unpaid, onSale && status == "sold_out"
	if r.Note = c.note(t, &e.Event, status, r.Open); r.Unpaid {
		r.Note = t.Say("row.unpaid")
	}
	if rises := e.mayRise(t, c, now); r.Open && rises != "" {
		r.Note = strings.TrimPrefix(r.Note+" · "+rises, " · ")
	}
	if r.Open && c.Seated() {
		r.Label, r.Plan, r.PlanText = t.Say("row.best"), "/shop/events/"+e.Slug+"/seats/"+c.ID.String(), t.Say("row.plan")
	}
}

func (c *Category) row(t *words.Tongue, e *Event, unit int64) priceRow {
	text := TextIn(c.Names, e.Locales, t.Lang)
	r := priceRow{ID: c.ID, Title: text.Title, Summary: text.Summary, Price: priceWords(t, unit, e.Currency), Unit: unit, Label: t.Say("row.qty")}
	if unit < c.unit(nil) {
		r.Was = t.Money(c.unit(nil), e.Currency)
	}
	if c.FeeMinor > 0 && unit > 0 {
		r.Fee = t.Say("row.fee", t.Money(c.FeeMinor, e.Currency))
	}
	return r
}

// note says what is true of a category at this moment and may hurry somebody.
func (c *Category) note(t *words.Tongue, e *Event, status string, open bool) string {
	switch {
	case status == "not_yet":
		return t.Say("row.not_yet", t.Moment(e.on(c.SaleFrom).local()))
	case status != "on_sale":
		return t.Say("status." + status)
	case open && c.Free <= fewLeft:
		return t.Say("row.left", c.Free)
	case open && c.MinPerOrder > 1:
		return t.Say("row.at.least", c.MinPerOrder)
	}
	return ""
}

func (c *Category) choices(chosen int) []choiceOf {
	out := []choiceOf{{0, chosen == 0}}
	for n := c.MinPerOrder; n <= min(c.MaxPerOrder, c.Free, max(mostChoices, c.MinPerOrder)); n++ {
		out = append(out, choiceOf{n, n == chosen})
	}
	return out
}
