package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// afternoon tells those at each stage when somebody plays there.
func (f *Festival) afternoon(ctx context.Context) error {
	for _, stage := range stages {
		if err := f.announce(ctx, stage+" && !vip", headline); err != nil {
			return err
		}
		if err := sleep(ctx, f.span(50*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// showers are what the weather station reports, in mm an hour.
var showers = []float64{0, 1.2, 6.5, 7.8, 3.1, 0}

// shower rains: the station reports, everybody is told, and people look for a roof.
func (f *Festival) shower(ctx context.Context) error {
	for i, mm := range showers {
		data := map[string]any{"station": "river-meadows", "temperature": 19 - mm/2, "precipitation": mm, "wind": 3 + mm, "humidity": 70 + 3*mm}
		line, err := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprintf("weather-%d-%d", f.Seed, i), "source": "/demo/weather", "type": "weather.observed", "data": data})
		if err != nil {
			return fault.E(op, fault.Internal, "cannot write the weather", err)
		}
		if err := f.client.call(ctx, "POST", "/v1/events", bytes.NewReader(line), nil); err != nil {
			return err
		}
		switch {
		case i == 1:
			f.field.like("Food court", 40)
			if err := f.announce(ctx, "", rain); err != nil {
				return err
			}
		case mm == 0:
			f.field.like("Food court", 3)
		}
		if err := sleep(ctx, f.span(8*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Festival) toldField() web.Text {
	f.field.mu.Lock()
	defer f.field.mu.Unlock()
	return web.T("%v wait at the bar and %v for pizza; %v vouchers reached phones, %v were redeemed.",
		web.Number(f.field.bar), web.Number(f.field.pie), web.Number(f.mail.count()), web.Number(f.field.redeemed))
}
