package pricing

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// head is the top of every page about one category.
type head struct {
	ID           id.ID
	Event, Title string
	Currency     string
	Tab          string
}

// categoryPage is one category: its price, why it is so, its limits and decisions.
type categoryPage struct {
	Head      head
	Price     string // in force, without the fee
	Pays      string // what a buyer pays; "": the same
	Lowest30  string
	Mode      string
	Left      int
	Capacity  int
	Doors     moment
	Chart     priceChart
	Form      ruleForm
	Rows      []decisionRow
	Pools     []Advice
	May       bool
	Wrong     map[string][]fault.Field
	Elsewhere []fault.Field
}

// limitFields are what the fields of limits need.
type limitFields struct {
	Form     ruleForm
	Currency string
	Wrong    map[string][]fault.Field
}

// Limits are the fields of limits.
func (p categoryPage) Limits() limitFields { return limitFields{p.Form, p.Head.Currency, p.Wrong} }

func (s *Service) pageCategory(c echo.Context) error {
	return s.showCategory(c, http.StatusOK, nil, nil)
}

// subject finds what a category's page is about.
func (s *Service) subject(c echo.Context, tab string) (question, head, error) {
	name, err := named(c, "category")
	if err != nil {
		return question{}, head{}, err
	}
	r, err := s.RuleOf(c.Request().Context(), name)
	if err != nil {
		return question{}, head{}, err
	}
	q, err := s.questionAbout(c.Request().Context(), r)
	return q, head{name, q.event.Title, q.category.Title, q.event.Currency, tab}, err
}

func (s *Service) showCategory(c echo.Context, status int, form *ruleForm, wrong error) error {
	q, h, err := s.subject(c, "price")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	list, err := s.Decisions(ctx, DecisionQuery{Category: h.ID, Limit: 10})
	if err != nil {
		return err
	}
	p := categoryPage{Head: h, Price: q.price(q.moment.Price), Lowest30: q.price(policy.Lowest30(q.moment)), Mode: modeWords(&q.rule), Left: q.category.Free,
		Capacity: q.category.Capacity, Doors: moment{q.event.Doors}, Chart: q.chart(), Form: formOfRule(&q.rule, h.Currency),
		Rows: rowsOf(list, map[id.ID]string{h.ID: h.Title}), May: admin(c)}
	if q.category.FeeMinor > 0 {
		p.Pays = q.price(q.moment.Price + q.category.FeeMinor)
	}
	if len(q.event.Pools) > 0 {
		if p.Pools, err = s.Protection(ctx, q.event.ID); err != nil {
			return err
		}
	}
	if form != nil {
		p.Form = *form
	}
	p.Wrong, p.Elsewhere = placed(wrong)
	return c.Render(status, "pricing/category", p)
}

// placed puts each fault beside its field; what belongs to none comes apart.
func placed(err error) (by map[string][]fault.Field, rest []fault.Field) {
	by = map[string][]fault.Field{}
	for _, f := range said(err) {
		if f.Name == "" {
			rest = append(rest, f)
		} else {
			by[f.Name] = append(by[f.Name], ruleInputs.Tell([]fault.Field{f})...)
		}
	}
	return by, rest
}

// ruleInputs are how the form calls what a rule consists of, in its units.
var ruleInputs = web.Inputs{
	"list_minor": {Label: "List price", Fix: "more than 0, such as 12.50"}, "floor_minor": {Label: "Floor", Fix: "more than 0, such as 12.50"},
	"ceiling_minor": {Label: "Ceiling", Fix: "more than 0, such as 12.50"}, "rounding_minor": {Label: "Multiples of", Fix: "more than 0, such as 0.50"},
	"daily": {Label: "Most within a day, %", Fix: "between 1 and 50 %"}, "min_gain": {Label: "Least gain, %", Fix: "between 0 and 20 %"},
	"every_minutes": {Label: "Minutes between changes", Fix: "between 0 and 10080"}, "quiet_minutes": {Label: "Quiet hours before doors", Fix: "between 0 and 720"},
}

func (s *Service) pageRuleSet(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	e, _, err := s.categoryOf(c.Request().Context(), name)
	if err != nil {
		return err
	}
	form := readRuleForm(c.FormValue)
	r, err := form.rule(e.Currency)
	if err == nil {
		r.Category = name
		_, err = s.SetRule(c.Request().Context(), r, web.Actor(c.Request().Context()))
	}
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.showCategory(c, http.StatusUnprocessableEntity, &form, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/prices/"+name.String())
}

// pageLooked has the category's event looked at now.
func (s *Service) pageLooked(c echo.Context) error {
	name, err := named(c, "category")
	if err != nil {
		return err
	}
	e, _, err := s.categoryOf(c.Request().Context(), name)
	if err != nil {
		return err
	}
	err = s.Decide(c.Request().Context(), e.ID, id.New(), Cause{Kind: causeByHand})
	if fault.Is(err, fault.Transient) {
		return s.showCategory(c, http.StatusConflict, nil, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/prices/"+name.String())
}
