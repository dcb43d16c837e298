package web

import (
	"container/list"
	"fmt"
	"math"
	"net/netip"
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
}

// LimitDefaults let a busy backend work and stop a runaway loop. A caller
// takes about 300 bytes.
func LimitDefaults() LimitConfig { return LimitConfig{PerSecond: 100, Burst: 400, Callers: 50_000} }

// Limiter is a token bucket for each caller: a key by its actor, anyone else by
// address. It forgets the caller unseen for longest when it holds cfg.Callers.
type Limiter struct {
	cfg   LimitConfig
	clock clock.Clock

	mu      sync.Mutex
	callers map[string]*list.Element
	seen    *list.List // of *bucket, most recent first
}

type bucket struct {
	caller string
	rate   *rate.Limiter
}

// NewLimiter makes a Limiter whose buckets are full.
func NewLimiter(cfg LimitConfig, clk clock.Clock) *Limiter {
	return &Limiter{cfg: cfg, clock: clk, callers: map[string]*list.Element{}, seen: list.New()}
}

// Take takes one token of the caller's. It returns the tokens left and, when
// there was none, how long until the next one.
func (l *Limiter) Take(caller string) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, b := l.clock.Now(), l.bucket(caller)
	if b.rate.AllowN(now, 1) {
		return int(b.rate.TokensAt(now)), 0
	}
	missing := 1 - b.rate.TokensAt(now)
	return 0, time.Duration(missing / l.cfg.PerSecond * float64(time.Second))
}

func (l *Limiter) bucket(caller string) *bucket {
	if e, ok := l.callers[caller]; ok {
		l.seen.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if l.seen.Len() >= l.cfg.Callers {
		oldest := l.seen.Back()
		delete(l.callers, l.seen.Remove(oldest).(*bucket).caller)
	}
	b := &bucket{caller: caller, rate: rate.NewLimiter(rate.Limit(l.cfg.PerSecond), l.cfg.Burst)}
	l.callers[caller] = l.seen.PushFront(b)
	return b
}

// charge takes a token for the request and tells the caller how many are left.
// Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
func (l *Limiter) charge(c echo.Context) error {
	caller := Actor(c.Request().Context())
	if caller == "" {
		caller = "ip:" + network(c.RealIP())
	}
	left, wait := l.Take(caller)
	window := math.Ceil(float64(l.cfg.Burst) / l.cfg.PerSecond) // an empty bucket is full again after this
	full := math.Ceil(float64(l.cfg.Burst-left) / l.cfg.PerSecond)
	h := c.Response().Header()
	h.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%.0f`, l.cfg.Burst, window))
	h.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%.0f`, left, full))
	if wait > 0 {
		return fault.E("web.Limiter", fault.Limited, "too many requests", nil).
			WithFix("slow down; send many things in one request where there is a batch form").After(wait)
	}
	return nil
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
