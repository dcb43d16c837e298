package template

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// noBreak keeps a number and its unit on one line.
const noBreak = "\u00a0"

// notation is how a reader writes numbers, money, measures and dates. It is made
// once for a View from golang.org/x/text and the tables of this package, so that
// printing looks nothing up.
type notation struct {
	printer    *message.Printer
	numerals   numerals
	amounts    numerals // as numerals, save for signs that money alone has
	money      moneyPattern
	currency   currencySign            // for an amount without a code
	currencies map[string]currencySign // by code as written in the properties
	imperial   bool
	degreeGap  string // between a number and °C
	calendar   calendar
	zone       *time.Location // nil: that of the value
}

// currencySign is a currency as one locale writes it.
type currencySign struct {
	symbol string
	places int // after the decimal point
}

func newNotation(r Reader, values map[string]value) *notation {
	tag := language.Make(strings.ReplaceAll(r.Locale, "_", "-"))
	if tag.IsRoot() {
		tag = language.English
	}
	region, _ := tag.Region() // the likely one, if the locale names none
	printer := message.NewPrinter(tag)
	n := &notation{
		printer:   printer,
		numerals:  newNumerals(printer.Sprint(number.Decimal(numeralSample))),
		money:     lookUp(moneyPatterns, tag, symbolFirstApart),
		imperial:  r.Units == "imperial" || r.Units != "metric" && imperialRegions[region.String()],
		degreeGap: lookUp(degreeGaps, tag, noBreak),
		calendar:  lookUp(calendars, tag, calendars["en"]),
		zone:      r.Zone,
	}
	n.numerals.groupFrom = lookUp(groupFrom, tag, 4)
	n.amounts = n.numerals
	signs := lookUp(moneySigns, tag, moneySign{n.numerals.group, n.numerals.point})
	n.amounts.group, n.amounts.point = signs.group, signs.point
	var ok bool
	if n.currency, ok = n.findCurrency(r.Currency); !ok {
		unit, _ := currency.FromRegion(region)
		n.currency = n.signOf(unit)
	}
	n.currencies = map[string]currencySign{}
	for _, v := range values {
		if _, code := splitMoney(v.text); code != "" {
			if sign, ok := n.findCurrency(code); ok {
				n.currencies[code] = sign
			}
		}
	}
	return n
}

// lookUp finds the entry of the locale or the nearest of its CLDR parents: en-AU
// inherits from en-001, es-MX from es-419, both then from their language.
func lookUp[T any](table map[string]T, tag language.Tag, otherwise T) T {
	for ; !tag.IsRoot(); tag = tag.Parent() {
		if entry, ok := table[tag.String()]; ok {
			return entry
		}
	}
	return otherwise
}

func (n *notation) findCurrency(code string) (currencySign, bool) {
	unit, err := currency.ParseISO(code)
	return n.signOf(unit), err == nil
}

func (n *notation) signOf(unit currency.Unit) currencySign {
	symbol := n.printer.Sprint(currency.Symbol(unit))
	places, _ := currency.Standard.Rounding(unit)
	// CLDR's currencySpacing: letters do not touch digits, as in "CHF 5".
	last, _ := utf8.DecodeLastRuneInString(symbol)
	if strings.HasPrefix(n.money.positive, "¤0") && !unicode.IsSymbol(last) {
		symbol += noBreak
	}
	return currencySign{symbol, places}
}

// appendMoney fills the locale's pattern: ¤ is the symbol, 0 the amount, - the
// minus sign.
func (n *notation) appendMoney(dst []byte, d *decimal, c currencySign) []byte {
	d.round(c.places)
	pattern := n.money.positive
	if d.negative && !d.zero() {
		pattern = n.money.negative
	}
	for _, r := range pattern {
		switch r {
		case '¤':
			dst = append(dst, c.symbol...)
		case '0':
			dst = n.amounts.appendDigits(dst, d, c.places)
		case '-':
			dst = append(dst, n.numerals.minus...)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// numerals are a locale's digits and the signs between them.
type numerals struct {
	minus, group, point string
	digits              [10]string
	last, others        int // sizes of the rightmost group and of those before it: 3 and 2 in India
	groupFrom           int // whole digits from which on they are grouped
}

// numeralSample, as a locale prints it, shows all there is to know of its
// numerals, which golang.org/x/text does not tell otherwise.
const numeralSample = -1234567890.5

func newNumerals(sample string) numerals {
	var n numerals
	var sizes []int // of the runs of digits between signs
	digit, inDigits := 1, false
	for _, r := range sample {
		switch {
		case unicode.IsDigit(r):
			n.digits[digit%10] = string(r) // …9, 0, then 5 again
			if digit++; digit == 11 {
				digit = 5
			}
			if !inDigits {
				sizes = append(sizes, 0)
			}
			sizes[len(sizes)-1]++
			inDigits = true
		case len(sizes) == 0:
			n.minus += string(r)
		default:
			n.group, n.point = n.point, string(r) // the last sign is the decimal point
			inDigits = false
		}
	}
	if len(sizes) > 3 {
		n.last, n.others = sizes[len(sizes)-2], sizes[len(sizes)-3]
	}
	return n
}

// append prints d with at least least and at most most decimal places.
func (n *numerals) append(dst []byte, d *decimal, least, most int) []byte {
	d.round(most)
	if d.negative && !d.zero() {
		dst = append(dst, n.minus...)
	}
	return n.appendDigits(dst, d, least)
}

func (n *numerals) appendDigits(dst []byte, d *decimal, least int) []byte {
	whole := d.whole()
	for i, c := range whole {
		if left := len(whole) - i; i > 0 && n.last > 0 && len(whole) >= n.groupFrom &&
			left >= n.last && (left-n.last)%n.others == 0 {
			dst = append(dst, n.group...)
		}
		dst = append(dst, n.digits[c]...)
	}
	if fraction := d.fraction(least); len(fraction) > 0 {
		dst = append(dst, n.point...)
		for _, c := range fraction {
			dst = append(dst, n.digits[c]...)
		}
	}
	return dst
}
