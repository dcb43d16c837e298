package template

import (
	"strconv"
	"strings"
	"time"
)

// format is a notation that @(p, format) prints in.
type format byte

const (
	currencyFormat format = iota
	temperatureFormat
	lengthFormat
	numberFormat
	dateFormat
	timeFormat
)

const formatNames = "currency, temperature, length, number, date, time"

var formats = map[string]format{
	"currency": currencyFormat, "temperature": temperatureFormat, "length": lengthFormat,
	"number": numberFormat, "date": dateFormat, "time": timeFormat,
}

// appendFormat prints s in the reader's notation; ok is false, and dst as it
// was, if s is not of the format. What it prints is UTF-8 without control
// characters, quotes, backslashes, < or &, so it needs no escaping in JSON or XML.
//
// currency takes "1234.5 EUR", or a number for the reader's own currency;
// temperature takes °C; length takes metres; number takes a JSON number; date
// takes RFC 3339, date and time or date alone; time takes RFC 3339.
func (v *View) appendFormat(dst []byte, f format, s string) (out []byte, ok bool) {
	v.once.Do(func() { v.notation = newNotation(v.reader, v.values) })
	switch n := v.notation; f {
	case currencyFormat:
		return n.appendCurrency(dst, s)
	case temperatureFormat:
		return n.appendTemperature(dst, s)
	case lengthFormat:
		return n.appendLength(dst, s)
	case numberFormat:
		d, ok := parseDecimal(s)
		if !ok {
			return dst, false
		}
		return n.numerals.append(dst, &d, 0, 3), true
	default:
		return n.appendInstant(dst, f, s)
	}
}

func (n *notation) appendCurrency(dst []byte, s string) ([]byte, bool) {
	amount, code := splitMoney(s)
	d, ok := parseDecimal(amount)
	if !ok {
		return dst, false
	}
	c := n.currency
	if code != "" {
		if c, ok = n.currencies[code]; !ok { // of an installation or a default, which were not foreseen
			c, ok = n.findCurrency(code)
		}
		if !ok {
			return dst, false
		}
	}
	return n.appendMoney(dst, &d, c), true
}

// splitMoney takes "12.50 EUR" apart; code is "" if there is none.
func splitMoney(s string) (amount, code string) {
	if i := strings.LastIndexByte(s, ' '); i >= 0 && len(s)-i == len(" EUR") {
		return strings.TrimRight(s[:i], " "), s[i+1:]
	}
	return s, ""
}

// appendTemperature prints °C or °F to a tenth. F = C·9/5 + 32.
func (n *notation) appendTemperature(dst []byte, s string) ([]byte, bool) {
	d, ok := parseDecimal(s)
	if !ok {
		return dst, false
	}
	unit := "°C"
	if n.imperial {
		celsius, _ := strconv.ParseFloat(s, 64)
		d, unit = decimalOf(celsius*9/5+32), "°F"
	}
	dst = n.numerals.append(dst, &d, 0, 1)
	return append(append(dst, n.degreeGap...), unit...), true
}

const (
	metresPerFoot = 0.3048 // exact, by the agreement of 1959
	metresPerMile = 1609.344
)

// appendLength prints metres or feet up to a thousand of them, then kilometres
// or miles: a tenth below ten, whole units above.
func (n *notation) appendLength(dst []byte, s string) ([]byte, bool) {
	if _, ok := parseDecimal(s); !ok {
		return dst, false
	}
	metres, _ := strconv.ParseFloat(s, 64)
	small, large := 1.0, 1000.0
	smallUnit, largeUnit := "m", "km"
	if n.imperial {
		small, large = metresPerFoot, metresPerMile
		smallUnit, largeUnit = "ft", "mi"
	}
	amount, unit := metres/small, smallUnit
	if amount >= 999.5 || amount <= -999.5 {
		amount, unit = metres/large, largeUnit
	}
	d, places := decimalOf(amount), 1
	if amount >= 9.95 || amount <= -9.95 {
		places = 0
	}
	dst = n.numerals.append(dst, &d, 0, places)
	return append(append(dst, noBreak...), unit...), true
}

// decimalOf is a measurement as a decimal, to a millionth.
func decimalOf(f float64) decimal {
	var buf [64]byte
	d, _ := parseDecimal(string(strconv.AppendFloat(buf[:0], f, 'f', 6, 64)))
	return d
}

func (n *notation) appendInstant(dst []byte, f format, s string) ([]byte, bool) {
	t, err := time.Parse(time.RFC3339, s)
	switch {
	case err == nil && n.zone != nil:
		t = t.In(n.zone)
	case err != nil && f == dateFormat && len(s) == len(time.DateOnly):
		t, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		return dst, false
	}
	if f == dateFormat {
		return n.calendar.append(dst, n.calendar.date, t), true
	}
	return n.calendar.append(dst, n.calendar.time, t), true
}
