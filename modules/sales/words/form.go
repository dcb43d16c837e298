package words

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/currency"

	"github.com/usherhq/usher/modules/kernel/money"
)

// Money is an amount in minor units as the language writes it: "€1,234.50" or
// "1.234,50 €", with spaces that do not break.
func (t *Tongue) Money(minor int64, code string) string {
	digits := 2
	if unit, err := currency.ParseISO(code); err == nil {
		digits, _ = currency.Standard.Rounding(unit)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "−", -minor
	}
	text := strconv.FormatInt(minor, 10)
	if short := digits + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	whole, part := text[:len(text)-digits], text[len(text)-digits:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + t.Say("number.group") + whole[i:]
	}
	if digits > 0 {
		whole += t.Say("number.point") + part
	}
	symbol := money.Sign(code)
	if t.Lang == "en" && !unicode.IsLetter([]rune(symbol)[0]) {
		return sign + symbol + whole
	}
	if t.Lang == "en" {
		return sign + symbol + " " + whole
	}
	return sign + whole + " " + symbol
}

// Month is "June 2027".
func (t *Tongue) Month(at time.Time) string {
	return t.Say("month."+strconv.Itoa(int(at.Month()))) + " " + strconv.Itoa(at.Year())
}

// ShortMonth is "Jun", for where there is little room.
func (t *Tongue) ShortMonth(at time.Time) string {
	return t.Say("month.short." + strconv.Itoa(int(at.Month())))
}

// Weekday is "Tuesday".
func (t *Tongue) Weekday(day time.Weekday) string { return t.Say("day." + strconv.Itoa(int(day))) }

// ShortWeekday is "Tue".
func (t *Tongue) ShortWeekday(day time.Weekday) string {
	return t.Say("day.short." + strconv.Itoa(int(day)))
}

// Day is "Tuesday, 1 June 2027", on the clock of at's own place.
func (t *Tongue) Day(at time.Time) string {
	return t.Say("date.day", t.Weekday(at.Weekday()), strconv.Itoa(at.Day()), t.Say("month."+strconv.Itoa(int(at.Month()))), strconv.Itoa(at.Year()))
}

// Clock is "20:00", with what the language adds.
func (t *Tongue) Clock(at time.Time) string { return t.Say("date.clock", at.Format("15:04")) }

// Moment is day and time.
func (t *Tongue) Moment(at time.Time) string {
	return t.Say("date.moment", t.Day(at), t.Clock(at))
}

// Span is how long something takes, rounded up: seconds below a minute, minutes below
// two hours, else hours.
func (t *Tongue) Span(d time.Duration) string {
	up := func(unit time.Duration) int { return int((d + unit - 1) / unit) }
	switch {
	case d < time.Minute:
		return t.Say("span.seconds", max(up(time.Second), 0))
	case d < 2*time.Hour:
		return t.Say("span.minutes", up(time.Minute))
	}
	return t.Say("span.hours", up(time.Hour))
}
