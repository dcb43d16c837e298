package sales

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// codeView is a code in words.
type codeView struct {
	Code
	Does  string
	For   string // categories by name; "": all
	From  moment
	Until moment
	Over  bool
}

// codeForm is what the promoter typed about a new code.
type codeForm struct { //nolint:recvcheck // the template asks a copy
	Code, Note, Kind, Value, MaxUses, MaxPerOrder, From, Until string
	Opens                                                      bool
	Categories                                                 []string
}

// codeInputs are how the form calls what a code consists of, in its units.
var codeInputs = web.Inputs{"code": {Label: "Code"}, "note": {Label: "Note, for yourself"}, "permille": {Label: "How much", Fix: "0 to 100, such as 15 or 7.5"}, "amount_minor": {Label: "How much", Fix: "such as 12.50"},
	"max_uses": {Label: "Tickets in all"}, "max_per_order": {Label: "Tickets an order"}, "valid_from": {Label: "Valid from"}, "valid_until": {Label: "Valid until"}, "categories": {Label: "For which categories"}}

// Chosen reports whether a category is ticked.
func (f codeForm) Chosen(category id.ID) bool {
	return slices.Contains(f.Categories, category.String())
}

type codesPage struct {
	Head       eventHead
	Rows       []codeView
	Next       string
	Form       codeForm
	Categories []categoryView
	Currency   string
	Wrong      map[string][]fault.Field
	Elsewhere  []fault.Field
}

func (s *Service) pageCodes(c echo.Context) error {
	return s.showCodes(c, http.StatusOK, codeForm{Kind: "percent"}, nil)
}

func (s *Service) showCodes(c echo.Context, status int, f codeForm, wrong error) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	const limit = 50
	list, err := s.Codes(c.Request().Context(), e.ID, c.QueryParam("after"), limit+1)
	if err != nil {
		return err
	}
	p := codesPage{Head: s.head(&e, "codes"), Form: f, Categories: views(&e), Currency: e.Currency}
	if len(list) > limit {
		list = list[:limit]
		p.Next = list[limit-1].Code
	}
	now := s.db.Now()
	for _, code := range list {
		p.Rows = append(p.Rows, codeView{Code: code, Does: code.does(e.Currency), For: code.named(p.Categories), From: e.on(code.ValidFrom), Until: e.on(code.ValidUntil),
			Over: code.ValidUntil != nil && !now.Before(*code.ValidUntil)})
	}
	if wrong != nil {
		p.Wrong, p.Elsewhere = toldIn(codeInputs, wrong)
	}
	return c.Render(status, "sales/codes", p)
}

// named are the categories that a code is for, by name; "" when it is for all.
func (c *Code) named(all []categoryView) string {
	if len(c.Categories) == 0 {
		return ""
	}
	var names []string
	for _, k := range all {
		if c.concerns(k.ID) {
			names = append(names, k.Title)
		}
	}
	return strings.Join(names, ", ")
}

// does is what a code does, in words.
func (c *Code) does(currency string) string {
	var parts []string
	switch {
	case c.Permille == 1000:
		parts = append(parts, "free")
	case c.Permille > 0:
		parts = append(parts, permilleText(c.Permille)+" % off")
	case c.AmountMinor > 0:
		parts = append(parts, amountText(c.AmountMinor, currency)+" off each ticket")
	}
	if c.Opens {
		parts = append(parts, "opens hidden categories")
	}
	if c.MaxPerOrder > 0 {
		parts = append(parts, fmt.Sprintf("at most %d an order", c.MaxPerOrder))
	}
	return strings.Join(parts, ", ")
}

func readCodeForm(v url.Values) codeForm {
	return codeForm{Code: v.Get("code"), Note: v.Get("note"), Kind: cmp.Or(v.Get("kind"), "percent"), Value: v.Get("value"), MaxUses: v.Get("max_uses"), MaxPerOrder: v.Get("max_per_order"),
		From: v.Get("valid_from"), Until: v.Get("valid_until"), Opens: v.Get("opens") != "", Categories: v["category"]}
}

func (f *codeForm) code(e *Event) (Code, error) {
	c := Code{Event: e.ID, Code: f.Code, Note: f.Note, Opens: f.Opens}
	return c, collect("sales.form", func(bad complaint) {
		if f.Kind == "amount" {
			c.AmountMinor = formAmount(bad, "amount_minor", f.Value, e.Currency)
		} else {
			c.Permille = formPermille(bad, "permille", f.Value)
		}
		c.MaxUses, c.MaxPerOrder = formNumber(bad, "max_uses", f.MaxUses), formNumber(bad, "max_per_order", f.MaxPerOrder)
		c.ValidFrom, c.ValidUntil = formMoment(bad, "valid_from", f.From, e.Zone), formMoment(bad, "valid_until", f.Until, e.Zone)
		for _, text := range f.Categories {
			name, err := id.Parse(text)
			if err != nil {
				bad("categories", "name one that is none of the event's", "tick those of the list")
			}
			c.Categories = append(c.Categories, name)
		}
	})
}

func (s *Service) pageCodeAdded(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	f := readCodeForm(values)
	code, err := f.code(&e)
	if err == nil {
		err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { _, err := s.AddCode(tx, code); return err })
	}
	if err != nil && mended(err) {
		return s.showCodes(c, http.StatusUnprocessableEntity, f, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+e.ID.String()+"/codes")
}

// pageCodeEnded ends a code now; one that nobody used is removed.
func (s *Service) pageCodeEnded(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	err = s.EndCode(c.Request().Context(), event, name)
	if err != nil && mended(err) {
		return s.showCodes(c, http.StatusUnprocessableEntity, codeForm{Kind: "percent"}, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+event.String()+"/codes")
}

// waitingView is somebody in the line, as the promoter sees him.
type waitingView struct {
	Waiting
	Place    int // in the line of his category; 0: it is not his to wait any more
	Category string
	Since    moment
	Until    moment
	Link     string // of an offer
}

type waitlistPage struct {
	Head  eventHead
	Rows  []waitingView
	Next  string
	All   bool
	First bool // WaitingFirst
}

func (s *Service) pageWaitlist(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	const limit = 100
	after, _ := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	p := waitlistPage{Head: s.head(&e, "waitlist"), All: c.QueryParam("all") != "", First: e.WaitingFirst}
	list, err := s.Waitlist(c.Request().Context(), e.ID, p.All, after, limit+1)
	if err != nil {
		return err
	}
	if len(list) > limit {
		list = list[:limit]
		p.Next = versionText(list[limit-1].No)
	}
	for _, w := range list {
		v := waitingView{Waiting: w, Since: e.on(&w.CreatedAt), Until: e.on(w.OfferUntil)}
		if k := e.Category(w.Category); k != nil {
			v.Category = TextIn(k.Names, e.Locales, "").Title
		}
		if w.State == waitOffered && !s.Mails() { // then whoever waits hears of it from who looks here
			v.Link = "/shop/offers/" + s.OfferToken(w.ID)
		}
		p.Rows = append(p.Rows, v)
	}
	return c.Render(http.StatusOK, "sales/waitlist", p)
}

func (s *Service) pageWaitingRemoved(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	if err := s.RemoveWaiting(c.Request().Context(), event, name); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+event.String()+"/waitlist")
}
