package app

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/web"
)

// A glancer has something to say on the page Now; every module is one. site is Usher's
// address, for examples.
type glancer interface {
	Glance(ctx context.Context, site string) (web.Glance, error)
}

// Guide tells where the demo is, and what the phone shows that belongs to whoever looks at it.
type Guide interface {
	Tour() demo.Tour
	Phone() demo.Phone
}

const (
	nowLook = 2 * time.Second // between two looks of all who watch together
	nowNews = 12
)

// nowPages are the page Now. Those who watch it share one look at the modules.
type nowPages struct {
	modules []glancer
	guide   Guide // nil: no demo plays
	clock   clock.Clock

	mu   sync.Mutex
	last web.Glance
	at   time.Time
}

// nowPage is what the page shows.
type nowPage struct {
	Glance web.Glance
	News   []newsRow
	Tour   *demo.Tour
	Steps  []web.Step // nil: all are done, or a demo plays
	Next   int        // number of the first step that is not done
}

type newsRow struct {
	web.News
	Exact, Clock string
}

// Pages are the page Now and its live events.
func (n *nowPages) Pages() []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: "/", Right: web.Staff, Handler: n.page},
		{Method: http.MethodGet, Path: "/now/live", Right: web.Staff, Handler: n.live, Timeout: -1},
	}
}

func (n *nowPages) page(c echo.Context) error {
	g, err := n.ask(c.Request().Context(), c.Scheme()+"://"+c.Request().Host)
	if err != nil {
		return err
	}
	p := n.draw(g)
	if n.guide == nil && slices.ContainsFunc(g.Steps, func(s web.Step) bool { return !s.Done }) { // a demo has its tour
		p.Steps = g.Steps
		p.Next = slices.IndexFunc(g.Steps, func(s web.Step) bool { return !s.Done })
	}
	return c.Render(http.StatusOK, "app/now", p)
}

// ask asks every module at once.
func (n *nowPages) ask(ctx context.Context, site string) (all web.Glance, err error) {
	found, faults := make([]web.Glance, len(n.modules)), make([]error, len(n.modules))
	var asked sync.WaitGroup
	for i, m := range n.modules {
		asked.Go(func() { found[i], faults[i] = m.Glance(ctx, site) })
	}
	asked.Wait()
	for i, g := range found {
		if faults[i] != nil {
			return all, faults[i]
		}
		all.Figures, all.Alerts = append(all.Figures, g.Figures...), append(all.Alerts, g.Alerts...)
		all.News, all.Steps = append(all.News, g.News...), append(all.Steps, g.Steps...)
	}
	slices.SortStableFunc(all.News, func(a, b web.News) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	all.News = all.News[:min(len(all.News), nowNews)]
	return all, nil
}

func (n *nowPages) draw(g web.Glance) nowPage {
	p := nowPage{Glance: g}
	for _, one := range g.News {
		at := one.At.UTC()
		p.News = append(p.News, newsRow{one, at.Format(time.RFC3339), at.Format("15:04:05")})
	}
	if n.guide != nil {
		t := n.guide.Tour()
		p.Tour = &t
	}
	return p
}

// shared is the last look if it is fresh, or a new one.
func (n *nowPages) shared(ctx context.Context) (web.Glance, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.clock.Now(); now.Sub(n.at) >= nowLook {
		g, err := n.ask(ctx, "")
		if err != nil {
			return g, err
		}
		n.last, n.at = g, now
	}
	return n.last, nil
}

// live sends an event "now" whenever the page would look different.
func (n *nowPages) live(c echo.Context) error {
	return watch(c, nowLook, "app/now#live", func(ctx context.Context) (any, error) {
		g, err := n.shared(ctx)
		return n.draw(g), err
	})
}

// watch draws a block again and again, and sends an event "now" with it whenever it looks different.
func watch(c echo.Context, every time.Duration, block string, look func(context.Context) (any, error)) error {
	return web.Stream(c, func(send func(string, any) error) error {
		ctx := c.Request().Context()
		again := time.NewTicker(every)
		defer again.Stop()
		for last := ""; ; {
			seen, err := look(ctx)
			if err != nil {
				return err
			}
			var html bytes.Buffer
			if err := c.Echo().Renderer.Render(&html, block, seen, c); err != nil {
				return err
			}
			if now := strings.TrimSpace(html.String()); now != last {
				if err := send("now", map[string]string{"html": now}); err != nil {
					return err
				}
				last = now
			}
			select {
			case <-again.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}
