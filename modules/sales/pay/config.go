package pay

import (
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Config is the section "sales.payment" of config.yaml.
type Config struct {
	Door     bool           `koanf:"door"` // pay at the door
	Transfer TransferConfig `koanf:"transfer"`
	Stripe   StripeConfig   `koanf:"stripe"`
	Grace    time.Duration  `koanf:"grace"` // tickets are kept so much longer than they can be paid, for news that is late
}

// TransferConfig says where transfers go to.
type TransferConfig struct {
	Days    int    `koanf:"days"`    // to pay in; 0: not offered
	Account string `koanf:"account"` // as people read it: name, IBAN, bank
}

// StripeConfig reaches Stripe. A mode without a key is not offered.
type StripeConfig struct {
	API     string        `koanf:"api"`     // another base URL; "": Stripe's
	Session time.Duration `koanf:"session"` // how long a buyer may take on Stripe's page
	Methods []string      `koanf:"methods"` // Stripe's payment method types; none: as its dashboard says
	Live    StripeKeys    `koanf:"live"`
	Sandbox StripeKeys    `koanf:"sandbox"`
}

// StripeLeast is the time a buyer has at least when a payment is begun. Stripe's own bounds
// are 30 minutes and 24 hours from its receiving the request.
const StripeLeast = 30*time.Minute + 30*time.Second

// StripeKeys are those of one mode.
type StripeKeys struct {
	Key     string `koanf:"key" secret:"true"`     // sk_… or rk_…
	Webhook string `koanf:"webhook" secret:"true"` // whsec_…, of this mode's endpoint
}

// Defaults offer nothing that needs an account.
func Defaults() Config {
	return Config{Grace: 10 * time.Minute, Stripe: StripeConfig{Session: 31 * time.Minute}}
}

// Validate reports every fault of the section at once. A key of the wrong mode is
// one: live events would be paid with play money.
func (c Config) Validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) {
		f = append(f, fault.Field{Name: "sales.payment." + name, Problem: problem, Fix: fix})
	}
	if c.Grace < time.Minute || c.Grace > 24*time.Hour {
		bad("grace", "is "+c.Grace.String(), "between 1m and 24h")
	}
	if c.Transfer.Days < 0 || c.Transfer.Days > 60 {
		bad("transfer.days", fmt.Sprintf("is %d", c.Transfer.Days), "0 to 60; 0 offers no transfers")
	}
	if c.Transfer.Days > 0 && strings.TrimSpace(c.Transfer.Account) == "" {
		bad("transfer.account", "is missing", "the account that buyers send their money to: name, IBAN and bank")
	}
	c.Stripe.check(bad)
	return fault.BadFields("pay.Config", f)
}

func (c StripeConfig) check(bad func(name, problem, fix string)) {
	if c.Session < StripeLeast+30*time.Second || c.Session > 23*time.Hour {
		bad("stripe.session", "is "+c.Session.String(), "between 31m and 23h")
	}
	for _, m := range []struct {
		name         string
		keys         StripeKeys
		want, refuse string
	}{{"live", c.Live, "_live_", "_test_"}, {"sandbox", c.Sandbox, "_test_", "_live_"}} {
		at := "stripe." + m.name
		if (m.keys.Key == "") != (m.keys.Webhook == "") {
			bad(at, "has one of key and webhook", "give both or none: without webhooks nobody hears that somebody paid")
		}
		switch {
		case m.keys.Key == "":
		case strings.HasPrefix(m.keys.Key, "sk"+m.refuse) || strings.HasPrefix(m.keys.Key, "rk"+m.refuse):
			bad(at+".key", "is a key of the other mode", "live and sandbox each take their own: nothing of one may touch the other")
		case !strings.HasPrefix(m.keys.Key, "sk"+m.want) && !strings.HasPrefix(m.keys.Key, "rk"+m.want):
			bad(at+".key", "is no secret key", "it begins with sk"+m.want+" or rk"+m.want)
		}
		if m.keys.Webhook != "" && !strings.HasPrefix(m.keys.Webhook, "whsec_") {
			bad(at+".webhook", "is no signing secret", "it begins with whsec_")
		}
	}
	if c.Live.Webhook != "" && c.Live.Webhook == c.Sandbox.Webhook {
		bad("stripe.sandbox.webhook", "is the live one", "each mode has an endpoint and a secret of its own")
	}
}

// Providers are the ways to pay that a promoter offers.
type Providers struct {
	of map[Mode]map[Method]Provider
}

// New makes the providers of cfg.
func New(cfg Config) *Providers {
	p := &Providers{of: map[Mode]map[Method]Provider{Live: {}, Sandbox: {}}}
	for mode, keys := range map[Mode]StripeKeys{Live: cfg.Stripe.Live, Sandbox: cfg.Stripe.Sandbox} {
		if keys.Key != "" {
			p.Offer(mode, Stripe, newStripe(cfg.Stripe, mode, keys))
		}
		if cfg.Door {
			p.Offer(mode, Door, door{})
		}
		if cfg.Transfer.Days > 0 {
			p.Offer(mode, Transfer, transfer{})
		}
	}
	return p
}

// Offer adds a way to pay, or replaces it.
func (p *Providers) Offer(mode Mode, m Method, by Provider) { p.of[mode][m] = by }

// Of finds who takes money in this way. Errors: fault.Invalid when nobody does.
func (p *Providers) Of(mode Mode, m Method) (Provider, error) {
	by, ok := p.of[mode][m]
	if !ok {
		return nil, NotOffered(m)
	}
	return by, nil
}

// Methods are those offered in a mode, the quickest first.
func (p *Providers) Methods(mode Mode) []Method {
	var out []Method
	for _, m := range []Method{Stripe, Transfer, Door} {
		if _, ok := p.of[mode][m]; ok {
			out = append(out, m)
		}
	}
	return out
}
