package pricing

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// whatIfPage is what to expect at one price and another.
type whatIfPage struct {
	Head     head
	Typed    string
	Wrong    []fault.Field
	Left     int
	Demand   string
	Rows     []whatIfRow
	Believed string // of the curve, in words
}

type whatIfRow struct {
	Price, Sales, Takings, Gain, SoldOut string
	Now, Typed, Best                     bool
	Bar                                  int // of the best takings, 0 … 100
}

func (s *Service) pageWhatIf(c echo.Context) error {
	q, h, err := s.subject(c, "what-if")
	if err != nil {
		return err
	}
	p := whatIfPage{Head: h, Typed: c.QueryParam("price"), Left: q.category.Free}
	var price int64
	if p.Typed != "" {
		if price, err = money.Parse(p.Typed, h.Currency); err != nil || price < 1 || price > maxMinor {
			p.Wrong, price = []fault.Field{{Name: "price", Problem: "is no amount in " + h.Currency, Fix: "such as 12.50"}}, 0
		}
	}
	belief := policy.Learn(q.days)
	demand, sd := policy.DemandAt(q.rule.limits(), q.moment.Price, policy.OutlookOf(q.ahead), belief)
	p.Demand = fmt.Sprintf("%.0f ± %.0f", demand, sd)
	p.Believed = fmt.Sprintf("%s Raising the price by 10 %% of the list price is believed to cost %s of the buyers.", levelWords(Inputs{Days: belief.Days, Level: belief.Mean.A}),
		percent(1-policy.Curve{B: belief.Mean.B}.Factor(1.1)))
	list := q.whatIf(price)
	best := 0.0
	for _, o := range list {
		best = max(best, o.Takings)
	}
	for _, o := range list {
		row := whatIfRow{Price: q.price(o.Price), Sales: fmt.Sprintf("%.0f", o.Sales), Takings: q.price(int64(o.Takings)), Gain: signed(o.Gain), SoldOut: chance(o.SoldOut),
			Now: o.Price == q.moment.Price, Typed: o.Price == price, Best: best > 0 && o.Takings == best}
		if best > 0 {
			row.Bar = int(100 * o.Takings / best)
		}
		p.Rows = append(p.Rows, row)
	}
	status := http.StatusOK
	if p.Wrong != nil {
		status = http.StatusUnprocessableEntity
	}
	return c.Render(status, "pricing/what-if", p)
}

// signed is a share with its sign.
func signed(share float64) string {
	if share >= 0 {
		return "+" + percent(share)
	}
	return "−" + percent(-share)
}

// chance is a probability that claims no more than is known.
func chance(p float64) string {
	switch {
	case p < .01:
		return "< 1 %"
	case p > .99:
		return "> 99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}

// simulationPage is what limits would do, before they are switched on.
type simulationPage struct { //nolint:recvcheck // templates ask copies; only play changes it
	Head      head
	Form      ruleForm
	Days      string // of the past to play again
	Wrong     map[string][]fault.Field
	Elsewhere []fault.Field
	Played    bool
	Again     int // days of the past that were played
	Kept      string
	Moved     string
	Gain      string
	Better    string
	Changes   string
	Tickets   [2]string
	Chart     courseChart
}

// Limits are the fields of limits.
func (p simulationPage) Limits() limitFields { return limitFields{p.Form, p.Head.Currency, p.Wrong} }

func (s *Service) pageSimulation(c echo.Context) error {
	q, h, err := s.subject(c, "simulation")
	if err != nil {
		return err
	}
	p := simulationPage{Head: h, Form: formOfRule(&q.rule, h.Currency), Days: c.QueryParam("days")}
	if p.Days == "" {
		p.Days = "0"
		return c.Render(http.StatusOK, "pricing/simulation", p)
	}
	p.Form = readRuleForm(c.QueryParam)
	p.Form.Version, p.Form.Mode = "0", string(policy.Auto)
	r, err := p.Form.rule(h.Currency)
	days, bad := strconv.Atoi(p.Days)
	if err == nil && (bad != nil || days < 0 || days > 365) {
		err = fault.BadField("pricing.form", "days", fmt.Sprintf("%q is no number of days", p.Days), "0 to 365")
	}
	if err == nil {
		r.Category = h.ID
		err = r.check()
	}
	if fault.Is(err, fault.Invalid) {
		p.Wrong, p.Elsewhere = placed(err)
		return c.Render(http.StatusUnprocessableEntity, "pricing/simulation", p)
	}
	q.rule = r
	p.play(&q, q.simulate(days), min(days, len(q.days)))
	return c.Render(http.StatusOK, "pricing/simulation", p)
}

func (p *simulationPage) play(q *question, m policy.Simulation, again int) {
	span := func(s policy.Span, text func(float64) string) string {
		return fmt.Sprintf("%s (%s to %s)", text(s.Mean), text(s.Low), text(s.High))
	}
	cash := func(x float64) string { return q.price(int64(x)) }
	count := func(x float64) string { return fmt.Sprintf("%.0f", x) }
	p.Played, p.Again = true, again
	p.Kept, p.Moved, p.Gain = span(m.Kept, cash), span(m.Moved, cash), span(m.Gain, signed)
	p.Better, p.Changes = chance(m.Better), fmt.Sprintf("%.1f", m.Changes)
	p.Tickets = [2]string{span(m.Tickets[0], count), span(m.Tickets[1], count)}
	p.Chart = q.course(m)
}
