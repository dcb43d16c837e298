package sales

import (
	"fmt"
	"strings"

	"github.com/usherhq/usher/modules/kernel/money"
)

// parsePrice reads an amount as a promoter types it: money.Parse, in our words.
func parsePrice(text, currency string) (int64, error) {
	minor, err := money.Parse(text, currency)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount in %s", clip(strings.TrimSpace(text)), currency)
	}
	return minor, nil
}

// priceText is the inverse: "12.50".
func priceText(minor int64, currency string) string {
	text, _, _ := strings.Cut(money.Money{Minor: minor, Currency: currency}.String(), " ")
	return text
}

// amountText is an amount with its currency: "12.50 EUR".
func amountText(minor int64, currency string) string {
	return money.Money{Minor: minor, Currency: currency}.String()
}
