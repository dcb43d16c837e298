package main

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	pushwire "github.com/usherhq/usher/modules/hub/push/wire"
)

// The goals called *wire speed* in the design.
const (
	wireGoal      = 12 * time.Second // a million
	wireMixedGoal = 20 * time.Second
	wireFactor    = 7.0  // gorush
	wireShare     = 0.5  // of h2load's rate
	flying        = 1000 // messages in flight at most, over a short way
)

// wireSpeed is scenario W.
func (b *bench) wireSpeed(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.solo); err != nil {
		return err
	}
	peers := b.peers(ctx)
	gorush, h2load := peers[0], peers[2]
	rates := map[pushwire.Transport][]float64{}
	for range 2 {
		for _, transport := range pushwire.Transports {
			s, err := b.over(ctx, transport, b.solo)
			if err != nil {
				return err
			}
			rates[transport] = append(rates[transport], s.rate)
			if err := b.measureQuiet(ctx, h2load); err != nil { // after each: the machine's own speed changes within a minute
				return err
			}
		}
		if err := b.measureQuiet(ctx, gorush); err != nil {
			return err
		}
	}
	own, standard := mean(rates[pushwire.Own]), mean(rates[pushwire.Standard])
	took := perMillion(own)
	b.result.add("**1,000,000 personal messages with a durable outcome each**", fmt.Sprintf("%s (%.0f/s)", took, own), "≤ "+wireGoal.String(), verdictOf(took <= wireGoal))
	b.result.tell("our transport against the standard one", "%.0f/s and %.0f/s: %.2f ×", own, standard, own/standard)
	h2load.against(&b.result, own, wireShare)
	gorush.against(&b.result, own, wireFactor)
	if err := b.wireMixed(ctx); err != nil {
		return err
	}
	return b.unreliable(ctx)
}

// measureQuiet measures a peer once the machine is quiet.
func (b *bench) measureQuiet(ctx context.Context, p *peer) error {
	if err := settle(ctx); err != nil {
		return err
	}
	p.measure(ctx, b.near)
	return nil
}

// over sends to everybody with every service on one transport, after a tenth, which is not
// counted: it fills the caches of a process that has just started.
func (b *bench) over(ctx context.Context, transport pushwire.Transport, c crowd) (sending, error) {
	var env []string
	for _, service := range []string{"APNS", "FCM", "WEBPUSH"} {
		env = append(env, "USHER_HUB_SERVICES_"+service+"_TRANSPORT="+string(transport))
	}
	if err := b.restart(ctx, env...); err != nil {
		return sending{}, err
	}
	if _, err := b.send(ctx, newsTo(c.app, "tenth:0"), nil); err != nil {
		return sending{}, err
	}
	s, err := b.everyone(ctx, c)
	if err == nil {
		b.tellSending("usher, "+string(transport)+" transport", s)
	}
	return s, err
}

// against tells the peer's rate, and usher's share of it.
func (p *peer) against(r *result, rate, share float64) {
	goal := fmt.Sprintf("usher ≥ %g ×", share)
	if p.missing != "" {
		r.add(p.name, p.missing, goal, notMeasured)
		return
	}
	theirs := mean(p.rates)
	r.add(p.name, fmt.Sprintf("%.0f/s (%s); usher is %.2f ×", theirs, p.how, rate/theirs), goal, verdictOf(rate >= share*theirs))
}

// wireMixed sends to the crowd of all three services.
func (b *bench) wireMixed(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.mixed); err != nil {
		return err
	}
	s, err := b.over(ctx, pushwire.Own, b.mixed)
	if err != nil {
		return err
	}
	took := perMillion(s.rate)
	b.result.add("**1,000,000 personal messages, mixed**", fmt.Sprintf("%s (%.0f/s)", took, s.rate), "≤ "+wireMixedGoal.String(), verdictOf(took <= wireMixedGoal))
	return nil
}

// unreliable counts what is lost and what is repeated when the service misbehaves every
// few thousand messages.
func (b *bench) unreliable(ctx context.Context) error {
	for _, service := range []struct {
		what  string
		flags []string
	}{
		{"a service that says GOAWAY after 4,000 messages and refuses every 1,000th stream", []string{"-goaway", "4000", "-refuse", "1000"}},
		{"a service that cuts connections after 3,000 messages and refuses every 1,000th stream", []string{"-cut", "3000", "-refuse", "1000"}},
	} {
		bad, err := startServices(service.flags...)
		if err != nil {
			return err
		}
		if err := b.sendTo(ctx, bad); err != nil {
			return err
		}
		s, err := b.send(ctx, newsTo(b.solo.app, "tenth:0 || tenth:1"), nil)
		if err != nil {
			return err
		}
		now, err := bad.tell(order{})
		if err != nil {
			return err
		}
		n, seen := s.report.Total, now[push.APNs]
		lost, repeats, bound := n-s.report.Outcomes["delivered"], seen.Accepted-n, seen.Connections*flying
		b.result.add(service.what, fmt.Sprintf("%d messages over %d connections in %.1f s: %d lost, %d repeated", n, seen.Connections, s.took.Seconds(), lost, repeats),
			fmt.Sprintf("0 lost, repeats ≤ %d in flight a connection", flying), verdictOf(lost == 0 && repeats <= bound))
	}
	return b.sendTo(ctx, b.near)
}
