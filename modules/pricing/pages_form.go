package pricing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// ruleForm is what a promoter typed about a category's limits.
type ruleForm struct {
	List, Floor, Ceiling, Rounding string // amounts
	Daily, MinGain                 string // percent
	Every, Quiet                   string // minutes, hours
	Mode                           string
	Concession                     bool
	Version                        string
}

func formOfRule(r *Rule, currency string) ruleForm {
	plain := func(minor int64) string {
		text, _, _ := strings.Cut(amount(minor, currency), " ")
		return text
	}
	return ruleForm{List: plain(r.ListMinor), Floor: plain(r.FloorMinor), Ceiling: plain(r.CeilingMinor), Rounding: plain(r.RoundingMinor),
		Daily: trimmed(100 * r.Daily), MinGain: trimmed(100 * r.MinGain), Every: strconv.Itoa(r.EveryMinutes), Quiet: trimmed(float64(r.QuietMinutes) / 60),
		Mode: string(r.Mode), Concession: r.Concession, Version: strconv.FormatInt(r.Version, 10)}
}

func readRuleForm(value func(string) string) ruleForm {
	return ruleForm{List: value("list_minor"), Floor: value("floor_minor"), Ceiling: value("ceiling_minor"), Rounding: value("rounding_minor"),
		Daily: value("daily"), MinGain: value("min_gain"), Every: value("every_minutes"), Quiet: value("quiet_minutes"),
		Mode: value("mode"), Concession: value("concession") != "", Version: value("version")}
}

// rule reads the form. Errors: fault.Invalid with every fault.
func (f *ruleForm) rule(currency string) (Rule, error) {
	var bad []fault.Field
	cash := func(name, text string) int64 {
		minor, err := money.Parse(text, currency)
		if err != nil {
			bad = append(bad, fault.Field{Name: name, Problem: fmt.Sprintf("%q is no amount in %s", text, currency), Fix: "such as 12.50"})
		}
		return minor
	}
	number := func(name, text, fix string) float64 {
		x, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(text, ",", "."), "%")), 64)
		if err != nil {
			bad = append(bad, fault.Field{Name: name, Problem: fmt.Sprintf("%q is no number", text), Fix: fix})
		}
		return x
	}
	r := Rule{ListMinor: cash("list_minor", f.List), FloorMinor: cash("floor_minor", f.Floor), CeilingMinor: cash("ceiling_minor", f.Ceiling),
		RoundingMinor: cash("rounding_minor", f.Rounding), Daily: number("daily", f.Daily, "percent, such as 10") / 100, MinGain: number("min_gain", f.MinGain, "percent, such as 0.5") / 100,
		EveryMinutes: int(number("every_minutes", f.Every, "minutes, such as 60")), QuietMinutes: int(60 * number("quiet_minutes", f.Quiet, "hours, such as 24")),
		Mode: policy.Mode(f.Mode), Concession: f.Concession}
	var err error
	if r.Version, err = strconv.ParseInt(f.Version, 10, 64); err != nil {
		bad = append(bad, fault.Field{Problem: "the form is incomplete", Fix: "open it anew"})
	}
	return r, fault.BadFields("pricing.form", bad)
}
