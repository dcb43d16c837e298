package demo

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/web"
)

// act is a part of the festival.
type act struct {
	name, what web.Text
	takes      time.Duration // at speed 1
	play       func(ctx context.Context) error
	told       func() web.Text // how it went, in numbers

	began, ended bool
	said         web.Text
}

// script is the festival from the first ticket to the last song.
func (f *Festival) script() []*act {
	return []*act{
		{name: web.T("Presale"), what: web.T("People look, fill carts, leave them and buy."), takes: 2 * time.Minute, play: f.presale, told: f.toldSales},
		{name: web.T("A viral moment"), what: web.T("A band posts about the festival: posts come in by the signed webhook, and six times as many people visit the shop. A detector notices, and prices look at themselves."), takes: 90 * time.Second, play: f.viral, told: f.toldViral},
		{name: web.T("On-sale rush"), what: web.T("The last tickets go on sale. Everybody comes through the waiting room, and nobody is sold a ticket that is not there."), takes: 90 * time.Second, play: f.rush, told: f.toldSales},
		{name: web.T("Doors"), what: web.T("The day has come: two gates scan tickets, some of them twice."), takes: 90 * time.Second, play: f.doors, told: f.toldDoors},
		{name: web.T("Between the stages"), what: web.T("Phones hear beacons; people stay, go on, queue and are served. Who stays long enough may get a voucher."), takes: 3 * time.Minute, play: f.afternoon, told: f.toldField},
		{name: web.T("A rain shower"), what: web.T("The weather station reports rain, everybody is told, and the food court fills."), takes: time.Minute, play: f.shower, told: f.toldField},
		{name: web.T("The headliner"), what: web.T("One last notification, and everybody goes to the main stage."), takes: time.Minute, play: f.headliner, told: f.toldField},
	}
}

// playActs plays act after act; an act lasts as long as the script says, or as long as it needs.
func (f *Festival) playActs(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	selling, walking := f.start(ctx, func(ctx context.Context) error { return f.shop.sell(ctx) }), func() error { return nil }
	for i, a := range f.acts {
		if a.name.English == "Doors" {
			f.shop.close()
			if err := selling(); err != nil {
				return err
			}
			walking = f.start(ctx, f.walk)
		}
		f.mark(i)
		if err := f.segment(ctx); err != nil {
			return err
		}
		f.screen.say("\n  ── %s ──  %s\n", a.name, a.what)
		over := time.Now().Add(f.span(a.takes))
		if err := a.play(ctx); err != nil {
			return err
		}
		if err := sleep(ctx, time.Until(over)); err != nil {
			return err
		}
	}
	f.mark(len(f.acts))
	f.field.leave()
	return walking()
}

// start runs something beside the acts; the answer waits for its end.
func (f *Festival) start(ctx context.Context, run func(context.Context) error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error { return <-ended }
}

// mark says which act begins; those before are over.
func (f *Festival) mark(now int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.acts {
		if a.began && i < now && !a.ended {
			a.ended, a.said = true, a.told()
			f.screen.say("     %s\n", a.said)
		}
		a.began = a.began || i == now
	}
}

func (f *Festival) presale(ctx context.Context) error {
	f.shop.come(buyersEach)
	return f.announce(ctx, "", welcome)
}

func (f *Festival) headliner(ctx context.Context) error {
	f.field.like("Main stage", 60)
	return f.announce(ctx, "!muted", headline)
}
