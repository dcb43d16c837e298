package proximity

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages are the promoter's, and the page of a till.
func (s *Service) Pages() []web.Route {
	return slices.Concat(s.venuePages(), s.crowdPages(), s.layoutPages(), s.offerPages())
}

func look(path string, h echo.HandlerFunc) web.Route {
	return web.Route{Method: "GET", Path: path, Right: web.Staff, Handler: h}
}

func alter(path string, h echo.HandlerFunc) web.Route {
	return web.Route{Method: "POST", Path: path, Right: web.Admin, Handler: h}
}

// moment is a point in time as people read it, in UTC; – when there is none.
type moment struct{ time.Time }

// HTML is a time element.
func (m moment) HTML() template.HTML {
	if m.IsZero() {
		return "–"
	}
	t := m.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2 Jan 2006, 15:04") + `</time>`) //nolint:gosec // digits and letters only
}

// Clock is the time of the day.
func (m moment) Clock() string { return m.UTC().Format("15:04") }

const inputTime = "2006-01-02T15:04"

// formOf reads a form, of any encoding. Errors: fault.Invalid.
func formOf(c echo.Context) (url.Values, error) {
	v, err := c.FormParams()
	if err != nil {
		return nil, fault.E("proximity.form", fault.Invalid, "the form cannot be read", err)
	}
	return v, nil
}

// mended reports whether a form may be shown again, with what is wrong.
func mended(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.TooLarge) || fault.Is(err, fault.NotFound)
}

// wrongs are what an error says to people.
func wrongs(err error) []fault.Field {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if len(f.Fields) > 0 {
			return f.Fields
		}
		return []fault.Field{{Problem: f.Message, Fix: f.Fix}}
	}
	return []fault.Field{{Problem: fault.Message(err)}}
}

// formReader reads numbers out of a form and remembers what is none.
type formReader struct {
	url.Values
	wrong []fault.Field
}

// number reads one; an empty input is 0.
func (f *formReader) number(name string) float64 {
	text := strings.ReplaceAll(strings.TrimSpace(f.Get(name)), ",", ".")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		f.wrong = append(f.wrong, fault.Field{Name: name, Problem: "is no number", Fix: "such as 12.5"})
	}
	return n
}

func (f *formReader) whole(name string) int {
	n := f.number(name)
	if n != float64(int(n)) {
		f.wrong = append(f.wrong, fault.Field{Name: name, Problem: "is no whole number", Fix: "such as 12"})
	}
	return int(n)
}

func (f *formReader) instant(name string) time.Time {
	t, err := time.Parse(inputTime, f.Get(name))
	if err != nil {
		f.wrong = append(f.wrong, fault.Field{Name: name, Problem: "is no date and time", Fix: "such as 2027-07-10 16:00"})
	}
	return t
}

func (f *formReader) err() error { return fault.BadFields("proximity.form", f.wrong) }

// words splits a list as people type it.
func words(s string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == ';' }), func(w string) bool { return strings.TrimSpace(w) == "" })
}

// short is a number with as many digits as people need.
func short(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
