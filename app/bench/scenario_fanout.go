package main

import (
	"context"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

const (
	apnsGoal     = 40 * time.Second // a million
	mixedGoal    = 75 * time.Second
	peerFactor   = 2.0
	memoryGoal   = 300e6 // bytes
	flatFactor   = 1.25  // how much more memory ten times the send may take
	isolation    = 0.9
	distanceGoal = 0.7
)

// fanOut is scenario A: usher and its peers in turn, twice.
func (b *bench) fanOut(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.solo); err != nil {
		return err
	}
	peers := b.peers(ctx)
	var rates []float64
	var last sending
	for round := range 2 {
		s, err := b.everyone(ctx, b.solo)
		if err != nil {
			return err
		}
		rates, last = append(rates, s.rate), s
		b.tellSending(fmt.Sprintf("usher, send %d", round+1), s)
		for _, p := range peers {
			if err := settle(ctx); err != nil {
				return err
			}
			p.measure(ctx, b.near)
		}
	}
	rate := mean(rates)
	if err := b.checkEach(ctx, last, b.solo); err != nil {
		return err
	}
	took := perMillion(rate)
	b.result.add("**1,000,000 personal messages with a durable outcome each**", fmt.Sprintf("%s (%.0f/s)", took, rate), "≤ "+apnsGoal.String(), verdictOf(took <= apnsGoal))
	for _, p := range peers {
		p.compare(&b.result, rate)
	}
	return nil
}

// checkEach reads a sending's outcomes back.
func (b *bench) checkEach(ctx context.Context, s sending, c crowd) error {
	rate, err := b.eachOnce(ctx, s, c)
	if err == nil {
		b.result.tell("its outcomes, read back as CSV", "each installation exactly once; %.0f/s", rate)
	}
	return err
}

func (b *bench) tellSending(what string, s sending) {
	b.result.tell(what, "%s; usher's memory at most %s", s, megabytes(s.peak))
}

// fanOutMixed is scenario B.
func (b *bench) fanOutMixed(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.mixed); err != nil {
		return err
	}
	s, err := b.everyone(ctx, b.mixed)
	if err != nil {
		return err
	}
	b.tellSending("usher", s)
	for _, service := range push.Services {
		if took, ok := s.done[service]; ok {
			b.result.tell("… until the last of "+string(service), "%.1f s", took.Seconds())
		}
	}
	if err := b.checkEach(ctx, s, b.mixed); err != nil {
		return err
	}
	took := perMillion(s.rate)
	b.result.add("**1,000,000 personal messages, mixed**", fmt.Sprintf("%s (%.0f/s)", took, s.rate), "≤ "+mixedGoal.String(), verdictOf(took <= mixedGoal))
	return nil
}

// memory is scenario C. A process's memory also grows with how long it has worked, up to
// the limit it keeps to; so what a send to all takes is compared with sends to as many
// people in ten.
func (b *bench) memory(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.solo); err != nil {
		return err
	}
	if err := b.restart(ctx); err != nil {
		return err
	}
	var first, tenth sending
	for i := range 10 {
		var err error
		if tenth, err = b.send(ctx, newsTo(b.solo.app, fmt.Sprintf("tenth:%d", i)), nil); err != nil {
			return err
		}
		if i == 0 {
			first = tenth
		}
	}
	if err := b.restart(ctx); err != nil {
		return err
	}
	all, err := b.send(ctx, newsTo(b.solo.app, ""), nil)
	if err != nil {
		return err
	}
	b.result.tell(fmt.Sprintf("a send of %d", first.report.Recorded), "%s", megabytes(first.peak))
	b.result.tell("… and nine more such, one after the other", "%s", megabytes(tenth.peak))
	b.result.add(fmt.Sprintf("a send of %d", all.report.Recorded), megabytes(all.peak), "≤ "+megabytes(memoryGoal), verdictOf(all.peak <= memoryGoal))
	ratio := float64(all.peak) / float64(tenth.peak)
	b.result.add("in one send instead of ten", fmt.Sprintf("%.2f × the memory", ratio), fmt.Sprintf("flat (≤ %.2f)", flatFactor), verdictOf(ratio <= flatFactor))
	return nil
}

// distance is scenario D.
func (b *bench) distance(ctx context.Context) error {
	const latency, streams = 50 * time.Millisecond, 1000
	if err := b.crowdOf(ctx, b.solo); err != nil {
		return err
	}
	far, err := startServices("-latency", latency.String())
	if err != nil {
		return err
	}
	if err := b.sendTo(ctx, far); err != nil {
		return err
	}
	s, err := b.everyone(ctx, b.solo)
	if err != nil {
		return err
	}
	b.tellSending("usher", s)
	now, err := far.tell(order{})
	if err != nil {
		return err
	}
	connections := now[push.APNs].Open
	product := float64(connections*streams) / latency.Seconds()
	b.result.add("connections × streams ÷ round trip, connections chosen by usher", fmt.Sprintf("%d × %d ÷ 50 ms = %.0f/s; %.0f %% reached", connections, streams, product, 100*s.rate/product),
		fmt.Sprintf("≥ %.0f %% (*wire speed*)", 100*distanceGoal), verdictOf(s.rate >= distanceGoal*product))
	return nil
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}
