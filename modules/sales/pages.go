package sales

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages are the promoter's and the buyers'.
func (s *Service) Pages() []web.Route {
	return slices.Concat(s.eventPages(), s.orderPages(), s.doorPages(), s.scanPages(), s.buyerPages())
}

// buyerPages look like the portal, whatever goes wrong with them.
func (s *Service) buyerPages() []web.Route {
	pages := slices.Concat(s.portalPages(), s.ticketPages(), s.paymentPages())
	for i := range pages {
		if p := &pages[i]; p.Right == web.Public {
			p.Shop, p.Wrong = true, s.shopWrong
		}
	}
	return pages
}
