package money_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
)

func TestNewAndString(t *testing.T) {
	for _, tc := range []struct {
		minor      int64
		code, want string
	}{
		{1250, "EUR", "12.50 EUR"}, {-5, "eur", "-0.05 EUR"}, {1250, "JPY", "1250 JPY"}, {1, "BHD", "0.001 BHD"},
	} {
		m, err := money.New(tc.minor, tc.code)
		if err != nil || m.String() != tc.want {
			t.Errorf("%d %s is %q, %v; want %q", tc.minor, tc.code, m, err, tc.want)
		}
	}
	if _, err := money.New(1, "EURO"); !fault.Is(err, fault.Invalid) {
		t.Errorf("EURO: %v", err)
	}
}

// A sum is exact, or refused: never wrapped around.
func TestAddIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		sum, err := money.Money{Minor: a, Currency: "EUR"}.Add(money.Money{Minor: b, Currency: "EUR"})
		if (err == nil) != want.IsInt64() || err == nil && sum.Minor != want.Int64() {
			t.Fatalf("%d + %d = %v, %v; want %v", a, b, sum, err, want)
		}
	})
	if _, err := (money.Money{Currency: "EUR"}).Add(money.Money{Currency: "USD"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("EUR + USD: %v", err)
	}
}
