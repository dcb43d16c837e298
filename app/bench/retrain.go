package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
	"github.com/usherhq/usher/modules/kernel/id"
)

const (
	retrainFile = 500 // events in a file
	retrainWait = 10 * time.Minute
)

// retrain lets the running usher import so many past events and train on them by its own
// job, from the request to the entry in the registry: reading, fitting, the backtest, and
// the comparison with the one in use.
func (b *bench) retrain(ctx context.Context, events []*forecast.Event) (time.Duration, error) {
	for part := range slices.Chunk(events, retrainFile) {
		var file bytes.Buffer
		if err := bookings.WriteDaily(&file, part); err != nil {
			return 0, err
		}
		if err := b.once(ctx, "/v1/history", &file); err != nil {
			return 0, err
		}
	}
	err := b.until(ctx, func() (bool, error) {
		var list struct {
			Items []struct{ State, Problem string }
		}
		err := b.call(ctx, http.MethodGet, "/v1/history/imports", nil, &list)
		for _, i := range list.Items {
			if i.State == "failed" {
				return false, fmt.Errorf("an import failed: %s", i.Problem)
			}
			if i.State != "done" {
				return false, err
			}
		}
		return err == nil, err
	})
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := b.once(ctx, "/v1/models", nil); err != nil {
		return 0, err
	}
	err = b.until(ctx, func() (bool, error) {
		var list struct {
			Items []struct {
				Events int
				Reason string
			}
		}
		err := b.call(ctx, http.MethodGet, "/v1/models", nil, &list)
		return err == nil && len(list.Items) > 0 && list.Items[0].Events == len(events) && strings.HasPrefix(list.Items[0].Reason, "asked for"), err
	})
	return time.Since(begun), err
}

// once posts with an idempotency key.
func (b *bench) once(ctx context.Context, path string, body *bytes.Buffer) error {
	if body == nil {
		body = &bytes.Buffer{}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	req.Header.Set("Idempotency-Key", id.New().String())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("POST %s: %s", path, res.Status)
	}
	return nil
}

// until asks again and again.
func (b *bench) until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, retrainWait)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// retrainings are the two sizes, each in the same running usher.
func (b *bench) retrainings(ctx context.Context) error {
	all := forecasttest.NewMarket(1).Past(5000, 5_000) // over long ago
	for _, g := range trainings {
		took, err := b.retrain(ctx, all[len(all)-g.events:])
		if err != nil {
			return err
		}
		b.result.add(fmt.Sprintf("retraining on %d past events by the job, with its backtest, asked for by POST /v1/models", g.events), fmt.Sprintf("%.1f s", took.Seconds()), fmt.Sprintf("≤ %.0f s", g.goal.Seconds()), verdictOf(took <= g.goal))
	}
	return nil
}
