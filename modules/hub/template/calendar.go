package template

import (
	"strconv"
	"strings"
	"time"
)

// calendar is how a locale writes a date and a time of day, in CLDR's pattern
// letters: d dd day, MM MMM month, y year, H HH hour of 24, h hour of 12, mm
// minute, a half of the day; letters in single quotes are text.
type calendar struct {
	date, time string
	months     string // abbreviated, with a blank between
	halves     [2]string
}

const (
	monthsEN = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
	monthsPT = "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez."
	monthsFR = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."
)

// calendars hold CLDR's medium dates and short times. English is written in the
// American way by "en" itself and in the British one by "en-001", the parent of
// most others.
var calendars = map[string]calendar{
	"en":     {date: "MMM d, y", time: "h:mm" + noBreak + "a", months: monthsEN, halves: [2]string{"AM", "PM"}},
	"en-001": {date: "d MMM y", time: "h:mm" + noBreak + "a", months: monthsEN, halves: [2]string{"am", "pm"}},
	"en-150": {date: "d MMM y", time: "HH:mm", months: monthsEN},
	"en-CA":  {date: "MMM d, y", time: "h:mm" + noBreak + "a", months: monthsEN, halves: [2]string{"a.m.", "p.m."}},
	"en-GB":  {date: "d MMM y", time: "HH:mm", months: monthsEN},
	"en-IE":  {date: "d MMM y", time: "HH:mm", months: monthsEN},
	"en-ZA":  {date: "dd MMM y", time: "HH:mm", months: monthsEN},
	"de":     {date: "dd.MM.y", time: "HH:mm"},
	"fr":     {date: "d MMM y", time: "HH:mm", months: monthsFR},
	"fr-CA":  {date: "d MMM y", time: "HH" + noBreak + "'h'" + noBreak + "mm", months: monthsFR},
	"es":     {date: "d MMM y", time: "H:mm", months: "ene feb mar abr may jun jul ago sept oct nov dic"},
	"it":     {date: "d MMM y", time: "HH:mm", months: "gen feb mar apr mag giu lug ago set ott nov dic"},
	"nl":     {date: "d MMM y", time: "HH:mm", months: "jan feb mrt apr mei jun jul aug sep okt nov dec"},
	"pt":     {date: "d 'de' MMM 'de' y", time: "HH:mm", months: monthsPT},
	"pt-PT":  {date: "dd/MM/y", time: "HH:mm"},
	"pl":     {date: "d MMM y", time: "HH:mm", months: "sty lut mar kwi maj cze lip sie wrz paź lis gru"},
	"ja":     {date: "y/MM/dd", time: "H:mm"},
}

// append prints t by a pattern.
func (c *calendar) append(dst []byte, pattern string, t time.Time) []byte {
	for pattern != "" {
		run := 1
		for run < len(pattern) && pattern[run] == pattern[0] {
			run++
		}
		switch letter := pattern[0]; letter {
		case '\'':
			run = 2 + strings.IndexByte(pattern[1:], '\'')
			dst = append(dst, pattern[1:run-1]...)
		case 'M', 'a':
			dst = c.appendName(dst, letter, run, t)
		case 'd', 'y', 'H', 'h', 'm':
			dst = appendPadded(dst, part(letter, t), run)
		default:
			dst = append(dst, pattern[:run]...)
		}
		pattern = pattern[run:]
	}
	return dst
}

func (c *calendar) appendName(dst []byte, letter byte, run int, t time.Time) []byte {
	switch {
	case letter == 'a':
		return append(dst, c.halves[t.Hour()/12]...)
	case run < 3:
		return appendPadded(dst, int(t.Month()), run)
	}
	names := c.months
	for range t.Month() - 1 {
		_, names, _ = strings.Cut(names, " ")
	}
	name, _, _ := strings.Cut(names, " ")
	return append(dst, name...)
}

// part is the number that a pattern letter stands for.
func part(letter byte, t time.Time) int {
	switch letter {
	case 'd':
		return t.Day()
	case 'y':
		return t.Year()
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'H':
		return t.Hour()
	}
	return t.Minute()
}

func appendPadded(dst []byte, n, width int) []byte {
	if width == 2 && n < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
