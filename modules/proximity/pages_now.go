package proximity

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// Glance is what proximity has to say on the page Now: people in the zones of what takes
// place, as published, and vouchers.
func (s *Service) Glance(ctx context.Context, _ string) (g web.Glance, err error) {
	open, err := events(ctx, s.db.Pool(), `opens_at <= $1 AND ends_at > $1 ORDER BY opens_at DESC, id DESC LIMIT 10`, s.db.Now())
	if err != nil {
		return g, err
	}
	for _, e := range open {
		bin, err := s.lastBin(ctx, e.ID)
		if err != nil {
			return g, err
		}
		f := web.Figure{Name: web.T("People on site"), Value: web.T("–"), Note: web.T("%s: the first picture comes within minutes", e.Title), Link: crowdLink(e.Name)}
		if !bin.IsZero() {
			found, err := s.Heat(ctx, e.ID, bin, bin.Add(heatmap.Bin))
			if err != nil {
				return g, err
			}
			if len(found) > 0 {
				f.Value, f.Note = web.T("%s", peopleOf(found[0].Total)), web.T("%s, at %s", e.Title, moment{bin}.Clock())
			}
		}
		g.Figures = append(g.Figures, f)
	}
	issued, redeemed, err := s.vouchersSince(ctx, s.db.Now().AddDate(0, 0, -1))
	if issued > 0 {
		g.Figures = append(g.Figures, web.Figure{Name: web.T("Vouchers"), Value: web.T("%v", web.Number(issued)), Note: web.T("within 24 hours; %v were redeemed", web.Number(redeemed)), Link: "/offers"})
	}
	return g, err
}
