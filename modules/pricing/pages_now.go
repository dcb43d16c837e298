package pricing

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/web"
)

// nowMoves is how many price moves the page Now tells of.
const nowMoves = 6

// Glance is what pricing has to say on the page Now: how often prices moved, why the last
// ones did, and what waits for a person.
func (s *Service) Glance(ctx context.Context, _ string) (g web.Glance, err error) {
	moves, err := s.movesSince(ctx, s.db.Now().Add(-24*time.Hour))
	if err != nil {
		return g, err
	}
	open, err := s.Open(ctx)
	if err != nil {
		return g, err
	}
	g.Figures = []web.Figure{{Name: web.T("Price moves"), Value: web.T("%v", web.Number(moves)), Note: web.T("within 24 hours"), Link: "/prices/decisions?moves=yes"}}
	if len(open) > 0 {
		g.Alerts = []web.Alert{{What: web.T("%v prices wait for your agreement.", web.Number(len(open))), Do: web.T("Look at each with its reason, and agree or refuse."), Link: "/prices"}}
	}
	latest, err := s.Decisions(ctx, DecisionQuery{Moves: true, Limit: nowMoves})
	if err != nil || len(latest) == 0 {
		return g, err
	}
	lines, err := s.Overview(ctx)
	if err != nil {
		return g, err
	}
	for _, d := range rowsOf(latest, s.titlesOf(ctx, latest, lines)) {
		if d.Outcome == Changed {
			g.News = append(g.News, web.News{At: d.At.Time, What: web.T("%s: the price went from %s to %s (%v)", d.Where, web.Told(d.Old), web.Told(d.New), web.T(d.Cause)), Link: "/prices/" + d.Category.String()})
		}
	}
	return g, nil
}
