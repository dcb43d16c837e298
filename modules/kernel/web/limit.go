package web

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// LimitConfig says how many requests one caller may make.
type LimitConfig struct {
	PerSecond float64 `koanf:"per_second" validate:"gt=0,max=1000000"` // sustained
	Burst     int     `koanf:"burst" validate:"min=1,max=1000000"`     // at once
	Callers   int     `koanf:"callers" validate:"min=100,max=10000000"`

	// Of the shop: a campus or a mobile carrier shows thousands of buyers at one
	// address, and a promoter's own site sells with one key. What there is to buy is
	// guarded by the till's queue and the waiting room.
	Shop Rate `koanf:"shop"`
}

// Rate is how fast requests may come.
type Rate struct {
	PerSecond float64 `koanf:"per_second" validate:"gt=0,max=1000000"` // sustained
	Burst     int     `koanf:"burst" validate:"min=1,max=1000000"`     // at once
}

// LimitDefaults let a busy backend work and stop a runaway loop. A caller
// takes about 300 bytes.
func LimitDefaults() LimitConfig {
	return LimitConfig{PerSecond: 100, Burst: 400, Callers: 50_000, Shop: Rate{PerSecond: 2000, Burst: 10_000}}
}

// rate is the measure of a route.
func (c LimitConfig) rate(shop bool) Rate {
	if shop && c.Shop.Burst > 0 {
		return c.Shop
	}
	return Rate{c.PerSecond, c.Burst}
}

// Limiter is a token bucket for each caller, and a second one for what a caller does
// in the shop: a key by its actor, anyone else by address. It forgets the caller unseen
// for longest when it holds cfg.Callers.
type Limiter struct {
	cfg   LimitConfig
	clock clock.Clock

	mu      sync.Mutex
	callers map[asker]*list.Element
	seen    *list.List // of *bucket, most recent first
}

// asker is a caller by one of the two measures.
type asker struct {
	name string
	shop bool
}

type bucket struct {
	asker
	rate *rate.Limiter
}

// NewLimiter makes a Limiter whose buckets are full.
func NewLimiter(cfg LimitConfig, clk clock.Clock) *Limiter {
	return &Limiter{cfg: cfg, clock: clk, callers: map[asker]*list.Element{}, seen: list.New()}
}

// Take takes one token of the caller's, of the shop's measure or the common one. It
// returns the tokens left and, when there was none, how long until the next one.
func (l *Limiter) Take(caller string, shop bool) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, b := l.clock.Now(), l.bucket(asker{caller, shop})
	if b.rate.AllowN(now, 1) {
		return int(b.rate.TokensAt(now)), 0
	}
	missing := 1 - b.rate.TokensAt(now)
	return 0, time.Duration(missing / float64(b.rate.Limit()) * float64(time.Second))
}

func (l *Limiter) bucket(a asker) *bucket {
	if e, ok := l.callers[a]; ok {
		l.seen.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if l.seen.Len() >= l.cfg.Callers {
		oldest := l.seen.Back()
		delete(l.callers, l.seen.Remove(oldest).(*bucket).asker)
	}
	r := l.cfg.rate(a.shop)
	b := &bucket{asker: a, rate: rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)}
	l.callers[a] = l.seen.PushFront(b)
	return b
}

// charge takes a token for the request and tells the caller how many are left.
// Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
func (l *Limiter) charge(c echo.Context, shop bool) error {
	caller := Actor(c.Request().Context())
	if caller == "" {
		caller = "ip:" + network(c.RealIP())
	}
	left, wait := l.Take(caller, shop)
	policy, r := "default", l.cfg.rate(shop)
	if shop {
		policy = "shop"
	}
	window := math.Ceil(float64(r.Burst) / r.PerSecond) // an empty bucket is full again after this
	full := math.Ceil(float64(r.Burst-left) / r.PerSecond)
	h := c.Response().Header()
	h[limitPolicy] = []string{limitValue(policy, ";q=", r.Burst, ";w=", window)}
	h[limitState] = []string{limitValue(policy, ";r=", left, ";t=", full)}
	if wait > 0 {
		return fault.E("web.Limiter", fault.Limited, "too many requests", nil).
			WithFix("slow down; send many things in one request where there is a batch form").After(wait)
	}
	return nil
}

// The headers' names as net/http keeps them.
var (
	limitPolicy = http.CanonicalHeaderKey("RateLimit-Policy")
	limitState  = http.CanonicalHeaderKey("RateLimit")
)

// limitValue writes a structured field: a name with two parameters.
func limitValue(name, tokens string, n int, seconds string, s float64) string {
	b := append(append(append(make([]byte, 0, 48), '"'), name...), '"')
	b = strconv.AppendInt(append(b, tokens...), int64(n), 10)
	return string(strconv.AppendInt(append(b, seconds...), int64(s), 10))
}

// network is what one subscriber holds: a single IPv4 address, a /64 of IPv6.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
