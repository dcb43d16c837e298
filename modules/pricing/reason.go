package pricing

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// reason tells a decision in plain words: what happened, what was learned, what is
// left, and what is done about it.
func (q *question) reason(cause Cause, c policy.Choice, d *Decision) string {
	parts := make([]string, 0, 5)
	if cause.Words != "" {
		parts = append(parts, cause.Words)
	}
	parts = append(parts, levelWords(d.Inputs), fmt.Sprintf("%d of %d tickets can still be bought, and about %.0f more would be wanted at %s.",
		d.Inputs.Left, d.Inputs.Capacity, c.Demand, q.price(d.OldMinor)))
	switch d.Outcome {
	case Held:
		parts = append(parts, "The price stays: "+heldWords(d.Broke, q, c.Gain)+".")
	default:
		verb := "Raised"
		if d.NewMinor < d.OldMinor {
			verb = "Lowered"
		}
		if d.Outcome == Proposed {
			verb = map[string]string{"Raised": "Proposed to raise", "Lowered": "Proposed to lower"}[verb]
		}
		parts = append(parts, fmt.Sprintf("%s to %s: %s more takings are expected.%s", verb, q.price(d.NewMinor), percent(c.Gain), q.edgeWords(d.NewMinor)))
	}
	return strings.Join(parts, " ")
}

func levelWords(in Inputs) string {
	if in.Days == 0 {
		return "There are no days of sales to learn from yet."
	}
	over := "Today"
	if in.Days > 1 {
		over = fmt.Sprintf("Over %d days", in.Days)
	}
	switch ratio := math.Exp(in.Level); {
	case ratio > 1.03:
		return fmt.Sprintf("%s, demand was %s above the forecast.", over, percent(ratio-1))
	case ratio < .97:
		return fmt.Sprintf("%s, demand was %s below the forecast.", over, percent(1-ratio))
	}
	return over + ", demand was as forecast."
}

// heldWords say why a guard-rail holds a price back.
func heldWords(broke policy.Rule, q *question, gain float64) string {
	r := q.rule
	switch broke {
	case policy.RuleOff:
		return "price changes are switched off"
	case policy.RuleStopped:
		return "the kill switch is on"
	case policy.RuleConcession:
		return "it is a concession"
	case policy.RuleQuiet:
		return "doors open within " + lasting(r.QuietMinutes)
	case policy.RuleSoon:
		return "it changed less than " + lasting(r.EveryMinutes) + " ago"
	case policy.RuleOften:
		return fmt.Sprintf("it changed %d times already, which is enough unless something happens", q.moment.Changed)
	case policy.RuleSame:
		return "no other price within the limits would bring more"
	case policy.RuleFloor:
		return "it would be below the floor of " + q.price(r.FloorMinor)
	case policy.RuleCeiling:
		return "it would be above the ceiling of " + q.price(r.CeilingMinor)
	case policy.RuleRounding:
		return "it would not be a multiple of " + q.price(r.RoundingMinor)
	case policy.RuleDaily:
		return "it would move more than " + percent(r.Daily) + " within a day"
	case policy.RuleGain:
		return "another would bring only " + percent(gain) + " more"
	}
	return "somebody must agree first"
}

// edgeWords say which limit a price has come to.
func (q *question) edgeWords(price int64) string {
	step := q.rule.RoundingMinor
	low, high, _ := q.rule.limits().Range(q.moment)
	switch {
	case price > q.moment.Price && price == high && q.rule.CeilingMinor-high < step:
		return " This is the ceiling."
	case price < q.moment.Price && price == low && low-q.rule.FloorMinor < step:
		return " This is the floor."
	case price == low || price == high:
		return " It is as far as " + percent(q.rule.Daily) + " within a day allow."
	}
	return ""
}

func (q *question) price(minor int64) string { return amount(minor, q.event.Currency) }

// amount is a price for people: "12.50 EUR".
func amount(minor int64, currency string) string {
	return money.Money{Minor: minor, Currency: currency}.String()
}

// percent is a share for people: "4.1 %", "24 %".
func percent(share float64) string {
	if p := 100 * share; math.Abs(p) < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0") + " %"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// lasting is a span for people: "2 days", "1 hour", "30 minutes".
func lasting(minutes int) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch d := time.Duration(minutes) * time.Minute; {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return count(minutes/60/24, "day")
	case d >= time.Hour && d%time.Hour == 0:
		return count(minutes/60, "hour")
	}
	return count(minutes, "minute")
}
