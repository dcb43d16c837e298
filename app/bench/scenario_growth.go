package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/hub"
)

const (
	fleetEvents  = 200_000
	fleetMost    = 3
	fleetRepeats = 20_000 // most repeated messages after a kill: four chunks, each of which is one transaction (ADR 0003)
)

// growth is scenario R: fan-out and ingest through 1, 2 and 3 processes behind a
// proxy, and then one of them is killed in the middle of both.
func (b *bench) growth(ctx context.Context) error {
	roots := filepath.Join(b.work, "fleet.pem")
	if err := os.WriteFile(roots, []byte(b.near.CAPEM), 0o600); err != nil {
		return err
	}
	f, err := b.assemble(ctx, "fleet", "USHER_HUB_SERVICES_APNS_ENDPOINT="+b.near.APNsURL, "USHER_HUB_SERVICES_CA_FILE="+roots)
	if err != nil {
		return err
	}
	defer f.stop(context.WithoutCancel(ctx))
	c := crowd{app: "fleet", n: b.n, service: onlyAPNs, handles: b.handles, origin: b.near.WebPushOrigin}
	var h *bench
	for n := 1; n <= fleetMost; n++ {
		if err := f.grow(ctx, n); err != nil {
			return err
		}
		if h == nil {
			h = &bench{options: b.options, house: &house{usher: &usher{api: api{f.url, f.key}, cmd: f.all[0].cmd}, near: b.near, apns: b.near}, handles: b.handles}
			if err := h.setUp(ctx, c.app, b.near, b.near); err != nil {
				return err
			}
			if _, err := c.arrive(ctx, h.api); err != nil {
				return err
			}
		}
		if err := b.throughput(ctx, f, h, c, n); err != nil {
			return err
		}
	}
	return b.oneIsKilled(ctx, f, h, c)
}

// throughput measures both through n processes.
func (b *bench) throughput(ctx context.Context, f *fleet, h *bench, c crowd, n int) error {
	say("  %d processes", n)
	events := b.part(fleetEvents)
	took, err := h.everybodySells(ctx, n*fleetEvents, n*fleetEvents+events)
	if err != nil {
		return err
	}
	sent, err := h.everyone(ctx, c)
	if err != nil {
		return err
	}
	b.result.tell(fmt.Sprintf("through %d processes", n), "ingest %.0f events/s; fan-out of %d personal messages %.0f/s", float64(events)/took.Seconds(), c.n, sent.rate)
	return f.holds(ctx, n*fleetEvents, events)
}

// oneIsKilled sends and takes in at once, kills a process when a third is sent, and
// counts what was lost and what was done twice.
func (b *bench) oneIsKilled(ctx context.Context, f *fleet, h *bench, c crowd) error {
	say("  one of %d is killed", fleetMost)
	before, err := h.accepted()
	if err != nil {
		return err
	}
	events, from := b.part(fleetEvents), (fleetMost+1)*fleetEvents
	taken := make(chan error, 1)
	var stop atomic.Bool
	go func() { taken <- h.sellsWhatever(ctx, from, from+events, &stop) }()
	var killed time.Time
	s, err := h.sendWhatever(ctx, newsTo(c.app, ""), func(recorded, total int64) error {
		if !killed.IsZero() || recorded < total/3 {
			return nil
		}
		killed = time.Now()
		return f.lose()
	})
	if err != nil {
		stop.Store(true)
		return errors.Join(err, <-taken)
	}
	finished := time.Since(killed)
	if err := <-taken; err != nil {
		return err
	}
	after, err := h.accepted()
	if err != nil {
		return err
	}
	_, lost := h.eachOnce(ctx, s, c)
	repeats := -int64(c.n)
	for name := range after {
		repeats += after[name] - before[name]
	}
	b.result.add(fmt.Sprintf("kill -9 of one of %d processes in the middle", fleetMost), fmt.Sprintf("%d of %d outcomes, %d messages sent again; finished %.1f s after the kill; %v", s.report.Recorded, c.n, repeats, finished.Seconds(), orNothing(lost)),
		fmt.Sprintf("0 lost, ≤ %d repeated", fleetRepeats), verdictOf(lost == nil && repeats >= 0 && repeats <= fleetRepeats))
	kept := f.holds(ctx, from, events)
	b.result.add("… and of the events sent meanwhile", fmt.Sprintf("%d acknowledged; %v", events, orNothing(kept)), "each in the log once", verdictOf(kept == nil))
	return nil
}

func orNothing(err error) string {
	if err == nil {
		return "none lost, none twice"
	}
	return err.Error()
}

// sellsWhatever sends the events from … n-1 and repeats each request until it is acknowledged.
func (h *house) sellsWhatever(ctx context.Context, from, n int, stop *atomic.Bool) error {
	at := time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)
	for from < n && !stop.Load() {
		body := []byte{'['}
		for i := from; i < min(from+ingestLot, n); i++ {
			body = append(saleOf(body, i, at), ',')
		}
		body[len(body)-1] = ']'
		for {
			err := h.post(ctx, "/v1/events", "application/cloudevents-batch+json", json.RawMessage(body))
			if err == nil {
				break
			}
			if err := errors.Join(ctx.Err(), wait(ctx, pollEvery)); err != nil || stop.Load() {
				return err
			}
		}
		from += ingestLot
	}
	return nil
}

// sendWhatever sends a draft and follows its report over lost processes until it has
// finished; each report is told to see.
func (h *house) sendWhatever(ctx context.Context, draft map[string]any, see func(recorded, total int64) error) (s sending, err error) {
	var n hub.Notification
	if err := h.call(ctx, http.MethodPost, "/v1/notifications", draft, &n); err != nil {
		return s, err
	}
	start, path := time.Now(), "/v1/notifications/"+n.ID.String()
	for !s.report.Finished() {
		if err := wait(ctx, pollEvery); err != nil {
			return s, err
		}
		if s.took = time.Since(start); s.took > 5*time.Minute {
			return s, fmt.Errorf("the notification has not finished after %s: %d of %d", s.took, s.report.Recorded, s.report.Total)
		}
		var r hub.Report
		if h.call(ctx, http.MethodGet, path, nil, &r) != nil {
			continue // through the killed one
		}
		s.report = r
		if err := see(r.Recorded, r.Total); err != nil {
			return s, err
		}
	}
	return s, nil
}
