// Package money is an amount in minor units and its currency; never a float.
package money

import (
	"cmp"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/text/currency"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Money is an amount: Minor units (cents) of an ISO 4217 Currency.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// New checks the currency code. Errors: fault.Invalid.
func New(minor int64, code string) (Money, error) {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return Money{}, fault.BadField("money.New", "currency", fmt.Sprintf("%q is not an ISO 4217 code", code), `such as "EUR"`)
	}
	return Money{Minor: minor, Currency: unit.String()}, nil
}

// Parse reads an amount as people type it, "1250", "12.50" or "12,5", into minor units
// of a currency. Thousands are not grouped: what could be read in two ways is refused.
// Errors: fault.Invalid.
func Parse(text, code string) (int64, error) {
	digits := Money{Currency: code}.Digits()
	whole, part, pointed := strings.Cut(strings.ReplaceAll(strings.TrimSpace(text), ",", "."), ".")
	other := func(r rune) bool { return r < '0' || r > '9' }
	if pointed && (part == "" || len(part) > digits) || whole == "" || len(whole) > 12 || strings.ContainsFunc(whole+part, other) {
		return 0, fault.E("money.Parse", fault.Invalid, "it is no amount in "+code, nil).WithFix(`such as "12.50"`)
	}
	return strconv.ParseInt(whole+part+strings.Repeat("0", digits-len(part)), 10, 64)
}

// Add sums two amounts. Errors: fault.Invalid when the currencies differ or the sum overflows.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, fault.E("money.Add", fault.Invalid, "cannot add "+o.Currency+" to "+m.Currency, nil)
	}
	sum := m.Minor + o.Minor
	if (sum > m.Minor) != (o.Minor > 0) && o.Minor != 0 {
		return Money{}, fault.E("money.Add", fault.Invalid, "the sum is too large", nil)
	}
	return Money{Minor: sum, Currency: m.Currency}, nil
}

// Digits is the number of decimal places of the currency: 2 for EUR, 0 for JPY.
func (m Money) Digits() int {
	unit, err := currency.ParseISO(m.Currency)
	if err != nil {
		return 2
	}
	scale, _ := currency.Standard.Rounding(unit)
	return scale
}

// String is the amount for logs: "12.50 EUR".
func (m Money) String() string {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(m.Digits())), nil)
	return new(big.Rat).SetFrac(big.NewInt(m.Minor), scale).FloatString(m.Digits()) + " " + m.Currency
}

// signs are what people everywhere take for the currency; others go by their code.
var signs = map[string]string{"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}

// Sign is how people write a currency: "€" for EUR; the code where there is no sign.
func Sign(code string) string { return cmp.Or(signs[code], code) }
