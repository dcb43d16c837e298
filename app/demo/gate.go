package demo

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales"
	"github.com/usherhq/usher/modules/sales/admission"
)

// gate is the door of the field: two scanners, and what they saw.
type gate struct {
	scanners []client
	in, out  int64 // let in, refused
}

// enrol turns the one-time codes that the owner handed out into scanners.
func (f *Festival) enrol(ctx context.Context) error {
	for _, code := range f.Scanners {
		var made struct {
			Secret string `json:"secret"`
		}
		stranger := client{base: f.URL, http: f.client.http}
		if err := stranger.call(ctx, "POST", "/v1/scanners/enrol", map[string]string{"code": code}, &made); err != nil {
			return err
		}
		f.gate.scanners = append(f.gate.scanners, client{base: f.URL, key: made.Secret, http: f.client.http})
	}
	return nil
}

// gateBatch is how many tickets a gate reports at once.
const gateBatch = 20

// doors moves the festival to today, tells everybody and lets people in.
func (f *Festival) doors(ctx context.Context) error {
	path := "/v1/catalogue/events/" + f.shop.event.ID.String()
	var e sales.Event
	if err := f.client.call(ctx, "GET", path, nil, &e); err != nil {
		return err
	}
	e.StartsAt = time.Now().Add(time.Minute).UTC()
	if err := f.client.call(ctx, "PUT", path, e, nil); err != nil {
		return err
	}
	if err := f.announce(ctx, "", doors); err != nil {
		return err
	}
	var scans []sales.Scan
	r := rand.New(rand.NewPCG(f.Seed, 'g'))
	for _, o := range f.shop.orders {
		if r.IntN(10) == 0 {
			continue // somebody does not come
		}
		for n := range o.Qty {
			scans = append(scans, sales.Scan{ID: id.New(), Order: &o.ID, N: n + 1})
			if r.IntN(25) == 0 { // a ticket that is shown twice
				scans = append(scans, sales.Scan{ID: id.New(), Order: &o.ID, N: n + 1})
			}
		}
	}
	batches := len(scans)/gateBatch + 1
	for i := 0; len(scans) > 0 && len(f.gate.scanners) > 0; i++ {
		batch := scans[:min(gateBatch, len(scans))]
		scans = scans[len(batch):]
		if err := f.scan(ctx, f.gate.scanners[i%len(f.gate.scanners)], i, batch); err != nil {
			return err
		}
		if err := sleep(ctx, f.span(70*time.Second)/time.Duration(batches)); err != nil {
			return err
		}
	}
	return nil
}

// scan reports what one gate saw.
func (f *Festival) scan(ctx context.Context, scanner client, n int, batch []sales.Scan) error {
	var answer struct{ Results []sales.Scanned }
	device := []string{"gate-1", "gate-2"}[n%2]
	body := map[string]any{"event": f.shop.event.ID, "device": device, "scans": batch}
	if err := scanner.call(ctx, "POST", "/v1/scans", body, &answer); err != nil {
		return err
	}
	for _, s := range answer.Results {
		if s.Verdict == admission.Admitted {
			f.gate.in++
		} else {
			f.gate.out++
		}
	}
	return nil
}

func (f *Festival) toldDoors() web.Text {
	return web.T("%v people went in; %v scans let nobody in.", web.Number(f.gate.in), web.Number(f.gate.out))
}
