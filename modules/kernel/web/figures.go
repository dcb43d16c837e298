package web

import (
	"regexp"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/kernel/money"
)

var (
	// figure is a number as Go writes it, with signs around it: −1,234.5 or (€12.50,
	figure = regexp.MustCompile(`^([^\pL\d€£$¥]*)([€£$¥]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?([^\pL\d]*)$`)
	// besides is what may stand beside numbers: signs and the units that all languages share.
	besides = regexp.MustCompile(`^(?:[^\pL\d]+|ms|s|min|h|k?m|m²|[kMG]?B)$`)
	code    = regexp.MustCompile(`^[A-Z]{3}$`) // of a currency
)

const space = "\u00a0" // that does not break

// figures puts a text that is nothing but numbers, amounts and signs into the language:
// 2443.50 EUR is 2.443,50 €. One word among them, and it stays as it is: it may be a name.
func (w *tongue) figures(s string) string {
	var said []string
	fields := strings.Split(s, " ")
	for i, field := range fields {
		m := figure.FindStringSubmatch(field)
		switch {
		case m != nil && m[2] != "":
			said = append(said, m[1]+w.number(m[3], m[4], true)+space+m[2]+m[5])
		case m != nil:
			said = append(said, m[1]+w.number(m[3], m[4], i+1 < len(fields) && code.MatchString(fields[i+1]))+m[5])
		case i > 0 && code.MatchString(field):
			said[i-1] += space + money.Sign(field)
			said = append(said, "")
		case besides.MatchString(field):
			said = append(said, field)
		default:
			return s
		}
	}
	return strings.Join(slices.DeleteFunc(said, func(f string) bool { return f == "" }), " ")
}

// number writes digits as the language does. Amounts are grouped: a year is not one.
func (w *tongue) number(whole, part string, priced bool) string {
	digits := strings.ReplaceAll(whole, ",", "")
	if priced || digits != whole {
		digits = w.grouped(digits)
	}
	if part != "" {
		digits += w.of(".") + part
	}
	return digits
}

// grouped puts digits in groups of three: 1,234 or 1.234.
func (w *tongue) grouped(digits string) string {
	group := w.of(",")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + group + digits[i:]
	}
	return digits
}
