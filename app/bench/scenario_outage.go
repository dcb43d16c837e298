package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// outage is scenario G: what a service that is down costs the others.
func (b *bench) outage(ctx context.Context) error {
	if err := b.crowdOf(ctx, b.mixed); err != nil {
		return err
	}
	var well []float64
	for range 2 {
		rate, err := b.withoutFCM(ctx, pushtest.Off)
		if err != nil {
			return err
		}
		well = append(well, rate)
	}
	usual := mean(well)
	b.result.tell("APNs and Web Push while FCM is well", "%.0f/s (%.0f and %.0f)", usual, well[0], well[1])
	for _, down := range []struct {
		mode pushtest.Mode
		what string
	}{{pushtest.Unavailable, "while FCM answers 503"}, {pushtest.Hang, "while FCM never answers"}} {
		rate, err := b.withoutFCM(ctx, down.mode)
		if err != nil {
			return err
		}
		b.result.add(down.what, fmt.Sprintf("%.0f/s, %.0f %% of the usual rate", rate, 100*rate/usual), fmt.Sprintf("≥ %.0f %%", 100*isolation), verdictOf(rate >= isolation*usual))
	}
	return nil
}

// withoutFCM sends with FCM in the given mode, waits for the other services alone,
// and cancels what FCM still owes. usher starts anew, with its breakers closed.
func (b *bench) withoutFCM(ctx context.Context, mode pushtest.Mode) (rate float64, err error) {
	if err := b.restart(ctx); err != nil {
		return 0, err
	}
	if _, err := b.near.tell(order{push.FCM, mode}); err != nil {
		return 0, err
	}
	defer func() {
		if _, back := b.near.tell(order{push.FCM, pushtest.Off}); err == nil {
			err = back
		}
	}()
	s, err := b.send(ctx, newsTo(b.mixed.app, "tenth:0 || tenth:1"), othersDone)
	if err != nil {
		return 0, err
	}
	if !s.report.Finished() {
		if err := b.call(ctx, http.MethodPost, "/v1/notifications/"+s.report.Notification.ID.String()+"/cancel", nil, nil); err != nil && !strings.Contains(err.Error(), "has been sent already") {
			return 0, err
		}
	}
	others := int64(0)
	for _, part := range s.report.Services {
		if part.Name != string(push.FCM) {
			others += part.Recorded
		}
	}
	return float64(others) / max(s.done[push.APNs], s.done[push.WebPush]).Seconds(), nil
}

// othersDone: APNs and Web Push have all their outcomes.
func othersDone(r hub.Report) bool {
	seen := 0
	for _, part := range r.Services {
		if part.Name != string(push.FCM) && part.Total > 0 && part.Recorded >= part.Total {
			seen++
		}
	}
	return seen == 2
}
