package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	audienceGoal = 250 * time.Millisecond
	audienceRuns = 20 // of each expression
)

// expressions of the audience scenario: from a handful to everybody, with every operator.
var expressions = []string{
	"",
	"vip",
	"city:7",
	"tenth:3",
	"!vip",
	"genre:3 && city:7",
	"genre:3 && !vip",
	"tenth:1 || tenth:2 || tenth:3",
	"(genre:1 || genre:2) && (city:3 || city:4) && !vip",
	"nobody",
}

// audience is scenario E.
func (b *bench) audience(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.solo); err != nil {
		return err
	}
	count := func(tags string) error {
		return b.call(ctx, http.MethodGet, "/v1/audience?"+url.Values{"app": {b.solo.app}, "tags": {tags}}.Encode(), nil, nil)
	}
	dry := func(tags string) error {
		return b.call(ctx, http.MethodPost, "/v1/notifications/dry-run", newsTo(b.solo.app, tags), nil)
	}
	for _, kind := range []struct {
		what string
		ask  func(string) error
	}{{"audience count", count}, {"dry run (count and rendered samples)", dry}} {
		all, slowest, err := ask(kind.ask)
		if err != nil {
			return err
		}
		p50, p99 := quantile(all, 0.5), quantile(all, 0.99)
		b.result.add(kind.what, fmt.Sprintf("p50 %d ms, p99 %d ms over %d expressions; slowest `%s`", p50.Milliseconds(), p99.Milliseconds(), len(expressions), slowest),
			"p99 ≤ "+audienceGoal.String(), verdictOf(p99 <= audienceGoal))
	}
	return nil
}

// ask times every expression. slowest is the one with the highest median.
func ask(question func(string) error) (all []time.Duration, slowest string, err error) {
	worst := time.Duration(0)
	for _, tags := range expressions {
		took := make([]time.Duration, audienceRuns)
		for i := range took {
			start := time.Now()
			if err := question(tags); err != nil {
				return nil, "", err
			}
			took[i] = time.Since(start)
		}
		if m := quantile(took, 0.5); m > worst {
			worst, slowest = m, tags
		}
		all = append(all, took...)
	}
	if slowest == "" {
		slowest = "(everyone)"
	}
	return all, slowest, nil
}

// quantile is the nearest-rank quantile, 0 < q ≤ 1.
func quantile(d []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}
