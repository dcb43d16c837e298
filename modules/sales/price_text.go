package sales

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/money"
)

// parsePrice reads an amount as a promoter types it, "1250", "12.50" or "12,5", into
// minor units of a currency. Thousands are not grouped: what could be read in two
// ways is refused.
func parsePrice(text, currency string) (int64, error) {
	digits := money.Money{Currency: currency}.Digits()
	text = strings.TrimSpace(text)
	whole, part, pointed := strings.Cut(strings.ReplaceAll(text, ",", "."), ".")
	if pointed && (part == "" || len(part) > digits) || whole == "" || len(whole) > 12 || !allDigits(whole+part) {
		return 0, fmt.Errorf("%q is no amount in %s", clip(text), currency)
	}
	return strconv.ParseInt(whole+part+strings.Repeat("0", digits-len(part)), 10, 64)
}

func allDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// priceText is the inverse: "12.50".
func priceText(minor int64, currency string) string {
	text, _, _ := strings.Cut(money.Money{Minor: minor, Currency: currency}.String(), " ")
	return text
}
