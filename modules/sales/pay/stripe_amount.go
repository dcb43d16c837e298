package pay

import (
	"fmt"
	"math"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
)

// stripeDigits are the decimal places of the amounts in Stripe's API; two where
// nothing stands. Source: https://docs.stripe.com/currencies, zero-decimal and
// three-decimal currencies; ISK and UGX have two there although they have none.
var stripeDigits = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "MGA": 0, "PYG": 0, "RWF": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}

func stripeScale(currency string) int {
	if n, ok := stripeDigits[currency]; ok {
		return n
	}
	return 2
}

// toStripe is an amount as Stripe counts it. Errors: fault.Invalid when it cannot be
// said there.
func toStripe(m money.Money) (int64, error) {
	shift := stripeScale(m.Currency) - m.Digits()
	minor, err := shifted(m.Minor, shift)
	if err == nil && stripeScale(m.Currency) == 3 && minor%10 != 0 {
		err = fmt.Errorf("the last of three places must be zero")
	}
	if err != nil {
		return 0, fault.E("pay.toStripe", fault.Invalid, m.String()+" cannot be paid by card", err)
	}
	return minor, nil
}

// fromStripe is the inverse.
func fromStripe(minor int64, currency string) (money.Money, error) {
	m, err := money.New(0, strings.ToUpper(currency))
	if err != nil {
		return m, err
	}
	if m.Minor, err = shifted(minor, m.Digits()-stripeScale(m.Currency)); err != nil {
		return money.Money{}, fault.E("pay.fromStripe", fault.Invalid, fmt.Sprintf("%d is no amount in %s", minor, m.Currency), err)
	}
	return m, nil
}

// shifted is n with so many decimal places more, or fewer.
func shifted(n int64, places int) (int64, error) {
	for ; places > 0; places-- {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, fmt.Errorf("the amount is too large")
		}
		n *= 10
	}
	for ; places < 0; places++ {
		if n%10 != 0 {
			return 0, fmt.Errorf("the amount has too many places")
		}
		n /= 10
	}
	return n, nil
}
