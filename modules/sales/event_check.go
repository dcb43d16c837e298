package sales

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Bounds of what a promoter writes, in bytes, and of what there can be.
const (
	maxTitle       = 200
	maxSummary     = 500
	maxDescription = 20_000
	maxLocales     = 30
	maxCategories  = 100
	maxCapacity    = 1_000_000
	maxSeats       = 20_000 // of an event
	maxMinor       = 100_000_000_00
)

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// complaint notes one fault of the input.
type complaint func(name, problem, fix string)

// check tidies the event and complains about everything that is wrong with it.
func (e *Event) check(bad complaint) {
	if len(e.Slug) > 80 || !slugForm.MatchString(e.Slug) {
		bad("slug", fmt.Sprintf("%q is no name for an address", clip(e.Slug)), `1 to 80 of a-z, 0-9 and single hyphens, such as "summer-festival-2027"`)
	}
	e.Series = checkLine(bad, "series", e.Series)
	e.Venue = checkLine(bad, "venue", e.Venue)
	e.checkShop(bad)
	checkLocales(bad, e)
	checkTexts(bad, "names", e.Names, e.Locales)
	if _, err := time.LoadLocation(e.Zone); err != nil || e.Zone == "" || e.Zone == "Local" || len(e.Zone) > 64 {
		bad("zone", fmt.Sprintf("%q is no time zone", clip(e.Zone)), `a name of the IANA time zone database, such as "Europe/Berlin"`)
	}
	if unit, err := currency.ParseISO(e.Currency); err != nil {
		bad("currency", fmt.Sprintf("%q is no currency", clip(e.Currency)), `ISO 4217, such as "EUR"`)
	} else {
		e.Currency = unit.String()
	}
	e.StartsAt = toUTC(e.StartsAt)
	for _, t := range []*time.Time{e.EndsAt, e.DoorsAt, e.SaleFrom, e.SaleUntil} {
		if t != nil {
			*t = toUTC(*t)
		}
	}
	e.checkTimes(bad)
}

func (e *Event) checkTimes(bad complaint) {
	if year := e.StartsAt.Year(); year < 2000 || year > 2200 {
		bad("starts_at", "is missing or far from our time", `such as "2027-06-01T18:00:00Z"`)
		return
	}
	if e.EndsAt != nil && !e.EndsAt.After(e.StartsAt) {
		bad("ends_at", "is not after the start", "a later moment, or leave it out")
	}
	if e.EndsAt != nil && e.EndsAt.Sub(e.StartsAt) > longestEvent {
		bad("ends_at", "is more than 60 days after the start", "one event for each day, in one series")
	}
	if e.DoorsAt != nil && e.DoorsAt.After(e.StartsAt) {
		bad("doors_at", "is after the start", "the moment the doors open, not after the start")
	}
	checkWindow(bad, e.SaleFrom, e.SaleUntil)
	if e.SaleFrom != nil && e.SaleUntil == nil && !e.SaleFrom.Before(e.StartsAt) {
		bad("sale_from", "is not before the start, when the sale ends", "an earlier moment, or say too when the sale ends")
	}
}

func checkWindow(bad complaint, from, until *time.Time) {
	if from != nil && until != nil && !from.Before(*until) {
		bad("sale_until", "is not after the sale begins", "a later moment, or leave it out")
	}
}

func checkLocales(bad complaint, e *Event) {
	if len(e.Locales) == 0 || len(e.Locales) > maxLocales {
		bad("locales", fmt.Sprintf("names %d languages", len(e.Locales)), fmt.Sprintf(`1 to %d, the fallback first, such as ["de", "en"]`, maxLocales))
	}
	for i, s := range e.Locales {
		tag, err := language.Parse(s)
		if err != nil || len(s) > 35 || tag == language.Und {
			bad(fmt.Sprintf("locales[%d]", i), fmt.Sprintf("%q is no language tag", clip(s)), `BCP 47, such as "de" or "de-CH"`)
			continue
		}
		if t, ok := e.Names[s]; ok && tag.String() != s {
			delete(e.Names, s)
			e.Names[tag.String()] = t
		}
		if e.Locales[i] = tag.String(); slices.Index(e.Locales, e.Locales[i]) < i {
			bad(fmt.Sprintf("locales[%d]", i), "stands twice", "name each language once")
		}
	}
}

// checkTexts tidies texts by locale. The fallback's may be missing as long as
// nobody sees the event: publishing asks for it.
func checkTexts(bad complaint, field string, names map[string]Text, locales []string) {
	for locale, t := range names {
		at := field + "." + clip(locale)
		if !slices.Contains(locales, locale) {
			bad(at, "is in a language that the event does not have", "add the language to the event's locales, or leave the text out")
		}
		t.Title, t.Summary, t.Description = tidy(t.Title), tidy(t.Summary), strings.TrimSpace(strings.ReplaceAll(t.Description, "\r\n", "\n"))
		names[locale] = t
		for name, text := range map[string]struct {
			s    string
			most int
		}{"title": {t.Title, maxTitle}, "summary": {t.Summary, maxSummary}, "description": {t.Description, maxDescription}} {
			if len(text.s) > text.most || !plain(text.s) {
				bad(at+"."+name, fmt.Sprintf("has %d bytes, or characters that cannot be shown", len(text.s)), fmt.Sprintf("plain text of at most %d bytes", text.most))
			}
		}
	}
}

// checkLine tidies a short text on one line; "" is fine.
func checkLine(bad complaint, field, s string) string {
	s = tidy(s)
	if len(s) > maxTitle || !plain(s) {
		bad(field, fmt.Sprintf("has %d bytes, or characters that cannot be shown", len(s)), fmt.Sprintf("one line of at most %d bytes", maxTitle))
	}
	return s
}

// tidy is a text on one line, without space around it or doubled within.
func tidy(s string) string { return strings.Join(strings.Fields(s), " ") }

// plain: well-formed, and nothing that only confuses terminals and databases.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) < 0
}

// clip keeps what strangers sent short enough to be said back.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// toUTC is an instant as the database keeps it.
func toUTC(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// collect gathers complaints into one fault.
func collect(op string, check func(bad complaint)) error {
	var f []fault.Field
	check(func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) })
	slices.SortStableFunc(f, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
	return fault.BadFields(op, f)
}

// fieldsOfFault are the faults of the input that an error names.
func fieldsOfFault(err error) []fault.Field {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	return f.Fields
}
