package hub

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/web"
)

// history is how fast outcomes came, for the chart and the table behind it.
type history struct {
	Width float64 // seconds of a span
	Ticks []tick
}

// tick is one span of a history. At is the seconds from the start to its end.
type tick struct {
	At        float64
	Rate      float64 // outcomes a second
	Recorded  web.Number
	Delivered web.Number
}

// Chart reports whether there is a line to draw.
func (h history) Chart() bool { return len(h.Ticks) > 2 }

// widths are the spans a history may have.
var widths = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// maxTicks is how many spans a history has at most, save for sends of many months.
const maxTicks = 60

// widthFor is the narrowest span that covers so many seconds in maxTicks.
func widthFor(seconds float64) time.Duration {
	for _, w := range widths {
		if seconds <= w.Seconds()*maxTicks {
			return w
		}
	}
	return widths[len(widths)-1]
}

// history gathers a report's notification over time; spans in which nothing
// happened count zero. It is empty before the start.
func (s *Service) history(ctx context.Context, r Report) (history, error) {
	if r.Notification.StartedAt == nil || r.Recorded == 0 {
		return history{}, nil
	}
	width := widthFor(r.Seconds)
	counts, err := s.historyOf(ctx, r.Notification, width)
	if err != nil {
		return history{}, err
	}
	h := history{Width: width.Seconds()}
	for span := range int64(r.Seconds/width.Seconds()) + 1 {
		n := counts[span]
		h.Ticks = append(h.Ticks, tick{
			At: float64(span+1) * h.Width, Rate: float64(n.Recorded) / h.Width, Recorded: web.Number(n.Recorded), Delivered: web.Number(n.Delivered),
		})
	}
	return h, nil
}
