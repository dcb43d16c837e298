package analytics

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// scarceWords tell that an event is likely to sell out: in English and German, and in
// parts for a promoter's own template.
func scarceWords(p float64, before forecast.Day, left int) map[string]any {
	tickets, karten := "1 ticket is left", "Es gibt noch 1 Ticket"
	if left != 1 {
		tickets, karten = fmt.Sprintf("%d tickets are left", left), fmt.Sprintf("Es gibt noch %d Tickets", left)
	}
	return map[string]any{
		"body":    fmt.Sprintf("Likely to sell out before %s: the chance is about %s. %s.", day(before), chance(p), tickets),
		"body_de": fmt.Sprintf("Wahrscheinlich vor dem %s ausverkauft: Die Chance dafür ist etwa %s. %s.", before.Time().Format("2.1.2006"), chance(p), karten),
		"chance":  chance(p), "before": day(before), "left": left,
	}
}

// likeWords tell of an event much like what somebody follows, with the share of people
// like him who go to both; nil when that is too small to be worth a message.
func (s *Service) likeWords(ctx context.Context, h *history) (map[string]any, error) {
	f, err := s.fellowBuyers(ctx, h, s.cfg.Assistant.Alike)
	if err != nil || f.chance() < s.cfg.Assistant.Like {
		return nil, err
	}
	p := chance(f.chance())
	return map[string]any{
		"body":    "Now on sale, and much like what you follow. The chance that you will want to go is about " + p + ".",
		"body_de": "Jetzt im Verkauf, und ähnlich wie das, dem Sie folgen. Die Chance, dass Sie hingehen wollen, ist etwa " + p + ".",
		"chance":  p,
	}, nil
}
