package sales

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// eventForm is what the promoter typed about an event, kept as it was typed.
type eventForm struct {
	Title, Slug, Series, Venue, Zone, Currency, Locales, Shop string
	StartsAt, EndsAt, DoorsAt, SaleFrom, SaleUntil            string
	Secret, Sandbox, WaitingFirst                             bool
	Version                                                   string
}

// eventInputs are how the form calls what an event consists of, in its units. Its title is
// the one of the first language.
var eventInputs = web.Inputs{"names": {Label: "Title"}, "slug": {Label: "Name in the address"}, "series": {Label: "Series"}, "venue": {Label: "Venue"}, "zone": {Label: "Time zone of the venue"}, "currency": {Label: "Currency"},
	"locales": {Label: "Languages, the fallback first", Fix: fmt.Sprintf("1 to %d, such as de, en", maxLocales)}, "shop": {Label: "Sold by another shop, where it is called"}, "starts_at": {Label: "Starts", Fix: "such as 2027-06-01 20:00, on the venue's clock"},
	"ends_at": {Label: "Ends"}, "doors_at": {Label: "Doors open"}, "sale_from": {Label: "Sale begins"}, "sale_until": {Label: "Sale ends"}}

func readEventForm(v url.Values) eventForm {
	return eventForm{
		Title: v.Get("title"), Slug: v.Get("slug"), Series: v.Get("series"), Venue: v.Get("venue"), Zone: v.Get("zone"), Currency: v.Get("currency"), Locales: v.Get("locales"), Shop: v.Get("shop"),
		StartsAt: v.Get("starts_at"), EndsAt: v.Get("ends_at"), DoorsAt: v.Get("doors_at"), SaleFrom: v.Get("sale_from"), SaleUntil: v.Get("sale_until"),
		Secret: v.Get("secret") != "", Sandbox: v.Get("sandbox") != "", WaitingFirst: v.Get("waiting_first") != "", Version: v.Get("version"),
	}
}

func formOfEvent(e *Event) eventForm {
	return eventForm{
		Title: e.Title(), Slug: e.Slug, Series: e.Series, Venue: e.Venue, Zone: e.Zone, Currency: e.Currency, Locales: strings.Join(e.Locales, ", "), Shop: e.Shop,
		StartsAt: e.on(&e.StartsAt).Input(), EndsAt: e.on(e.EndsAt).Input(), DoorsAt: e.on(e.DoorsAt).Input(), SaleFrom: e.on(e.SaleFrom).Input(), SaleUntil: e.on(e.SaleUntil).Input(),
		Secret: e.Secret, Sandbox: e.Sandbox, WaitingFirst: e.WaitingFirst, Version: versionText(e.Version),
	}
}

// event reads the form over what the event is now, for what the form does not ask.
func (f *eventForm) event(was Event) (Event, error) {
	e := was
	e.Slug, e.Series, e.Venue, e.Zone, e.Currency = f.Slug, f.Series, f.Venue, strings.TrimSpace(f.Zone), strings.ToUpper(strings.TrimSpace(f.Currency))
	e.Secret, e.Sandbox, e.WaitingFirst, e.Shop = f.Secret, f.Sandbox, f.WaitingFirst, f.Shop
	e.Locales = strings.FieldsFunc(f.Locales, func(r rune) bool { return r == ',' || r == ' ' })
	e.Names = map[string]Text{}
	for locale, t := range was.Names {
		if slices.Contains(e.Locales, locale) {
			e.Names[locale] = t
		}
	}
	if len(e.Locales) > 0 {
		t := e.Names[e.Locales[0]]
		t.Title = f.Title
		e.Names[e.Locales[0]] = t
	}
	return e, collect("sales.form", func(bad complaint) {
		if at := f.moment(bad, "starts_at", f.StartsAt); at != nil {
			e.StartsAt = *at
		} else if f.StartsAt == "" {
			bad("starts_at", "is missing", "the date and time of the start")
		}
		e.EndsAt, e.DoorsAt = f.moment(bad, "ends_at", f.EndsAt), f.moment(bad, "doors_at", f.DoorsAt)
		e.SaleFrom, e.SaleUntil = f.moment(bad, "sale_from", f.SaleFrom), f.moment(bad, "sale_until", f.SaleUntil)
	})
}

func (f *eventForm) moment(bad complaint, field, text string) *time.Time {
	return formMoment(bad, field, text, strings.TrimSpace(f.Zone))
}

// formMoment reads a datetime-local input on the venue's clock; nil when it is empty
// or, with a complaint, not a moment.
func formMoment(bad complaint, field, text, zone string) *time.Time {
	if text == "" {
		return nil
	}
	t, err := readMoment(text, zone)
	if err != nil {
		bad(field, "is no date and time", "such as 2027-06-01 20:00, on the venue's clock")
		return nil
	}
	return &t
}

type eventFormPage struct {
	Head      *eventHead // nil for a new event
	Form      eventForm
	Wrong     map[string][]fault.Field
	Elsewhere []fault.Field
}

// Action is where the form is sent.
func (p eventFormPage) Action() string {
	if p.Head == nil {
		return "/events/new"
	}
	return "/events/" + p.Head.ID.String() + "/details"
}

func (s *Service) pageNewEvent(c echo.Context) error {
	return c.Render(http.StatusOK, "sales/eventform", eventFormPage{Form: eventForm{Zone: "Europe/Berlin", Currency: "EUR", Locales: "en"}})
}

func (s *Service) pageEventMade(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	f := readEventForm(values)
	e, err := f.event(Event{})
	if err == nil {
		err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { e, err = s.CreateEvent(tx, e); return err })
	}
	if err != nil {
		return refuseEventForm(c, nil, f, err)
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+e.ID.String()+"/categories")
}

func (s *Service) pageDetails(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	head := s.head(&e, "details")
	return c.Render(http.StatusOK, "sales/eventform", eventFormPage{Head: &head, Form: formOfEvent(&e)})
}

func (s *Service) pageDetailsChanged(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	was, err := s.pageOf(c)
	if err != nil {
		return err
	}
	f := readEventForm(values)
	e, err := f.event(was)
	if err == nil {
		_, err = s.ChangeEvent(c.Request().Context(), e, unchanged(f.Version))
	}
	if err != nil {
		head := s.head(&was, "details")
		return refuseEventForm(c, &head, f, err)
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+was.ID.String())
}

func versionText(v int64) string { return strconv.FormatInt(v, 10) }

// refuseEventForm shows the form as it was typed, with what is wrong beside each input.
func refuseEventForm(c echo.Context, head *eventHead, f eventForm, err error) error {
	if !mended(err) {
		return err
	}
	p := eventFormPage{Head: head, Form: f}
	if head != nil { // saving again is meant for what is there now
		p.Form.Version = versionText(head.Version)
	}
	p.Wrong, p.Elsewhere = toldIn(eventInputs, err)
	return c.Render(http.StatusUnprocessableEntity, "sales/eventform", p)
}

// formOf reads a form's values.
func formOf(c echo.Context) (url.Values, error) {
	values, err := c.FormParams()
	if err != nil {
		return nil, fault.E("sales.form", fault.Invalid, "the form cannot be read", err).WithFix("open it anew")
	}
	return values, nil
}
