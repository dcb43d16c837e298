package pay

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
)

func TestKeysOfOneModeAreRefusedForTheOther(t *testing.T) {
	with := func(change func(*Config)) error {
		c := Defaults()
		c.Stripe.Live, c.Stripe.Sandbox = StripeKeys{"sk_live_1", "whsec_1"}, StripeKeys{"rk_test_1", "whsec_2"}
		change(&c)
		return c.Validate()
	}
	if err := with(func(*Config) {}); err != nil {
		t.Fatalf("a good section: %v", err)
	}
	for field, change := range map[string]func(*Config){
		"stripe.live.key":        func(c *Config) { c.Stripe.Live.Key = "sk_test_1" },
		"stripe.sandbox.key":     func(c *Config) { c.Stripe.Sandbox.Key = "rk_live_1" },
		"stripe.live":            func(c *Config) { c.Stripe.Live.Webhook = "" },
		"stripe.sandbox.webhook": func(c *Config) { c.Stripe.Sandbox.Webhook = "whsec_1" },
		"transfer.account":       func(c *Config) { c.Transfer.Days = 7 },
	} {
		err := with(change)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "sales.payment."+field+": ") {
			t.Errorf("%s: %v", field, err)
		}
		if err != nil && strings.Contains(err.Error(), "_1") {
			t.Errorf("the fault shows a secret: %v", err)
		}
	}
}

// TestAmountsAreStripes checks currencies whose decimal places Stripe counts in its own way.
func TestAmountsAreStripes(t *testing.T) {
	for _, c := range []struct {
		currency    string
		ours, there int64
	}{{"EUR", 1250, 1250}, {"JPY", 1250, 1250}, {"ISK", 1250, 125000}, {"UGX", 1250, 125000}, {"KWD", 1250, 1250}} {
		got, err := toStripe(money.Money{Minor: c.ours, Currency: c.currency})
		if err != nil || got != c.there {
			t.Errorf("%d %s is %d there, %v, want %d", c.ours, c.currency, got, err, c.there)
		}
	}
	if _, err := toStripe(money.Money{Minor: 1251, Currency: "KWD"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a third place that is not zero: %v", err)
	}
	rapid.Check(t, func(r *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "USD", "GBP", "JPY", "KRW", "ISK", "UGX", "KWD", "HUF", "MGA", "RSD"}).Draw(r, "currency")
		m := money.Money{Minor: 10 * rapid.Int64Range(0, 1e12).Draw(r, "minor"), Currency: currency}
		there, err := toStripe(m)
		if err != nil {
			r.Fatal(err)
		}
		if back, err := fromStripe(there, strings.ToLower(currency)); err != nil || back != m {
			r.Fatalf("%v came back as %v, %v", m, back, err)
		}
	})
}
