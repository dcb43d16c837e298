package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	retrainFile = 2500 // events in a file
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
	if err := b.until(ctx, b.trainedOn(len(events), "")); err != nil { // each import asks for a training too
		return 0, err
	}
	if err := wait(ctx, time.Second); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := b.once(ctx, "/v1/models", nil); err != nil {
		return 0, err
	}
	err = b.until(ctx, b.trainedOn(len(events), "asked for"))
	return time.Since(begun), err
}

// trainedOn reports whether the newest model has learned from so many events, for a reason.
func (b *bench) trainedOn(events int, reason string) func() (bool, error) {
	return func() (bool, error) {
		var list struct {
			Items []struct {
				Events int
				Reason string
			}
		}
		err := b.call(context.Background(), http.MethodGet, "/v1/models", nil, &list)
		return err == nil && len(list.Items) > 0 && list.Items[0].Events == events && strings.HasPrefix(list.Items[0].Reason, reason), err
	}
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
		text, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
		return fmt.Errorf("POST %s: %s: %s", path, res.Status, text)
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
	var all []*forecast.Event
	for market := range uint64(2) { // of the last twenty years
		for _, e := range forecasttest.NewMarket(market+1).Past(2500, 11_000) {
			e.ID = fmt.Sprint("m", market, e.ID)
			all = append(all, e)
		}
	}
	for _, g := range trainings {
		took, err := b.retrain(ctx, all[len(all)-g.events:])
		if err != nil {
			return err
		}
		b.result.add(fmt.Sprintf("retraining on %d past events by the job, with its backtest, asked for by POST /v1/models", g.events), fmt.Sprintf("%.1f s", took.Seconds()), fmt.Sprintf("≤ %.0f s", g.goal.Seconds()), verdictOf(took <= g.goal))
	}
	return nil
}
