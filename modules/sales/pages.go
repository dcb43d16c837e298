package sales

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages are the promoter's and the buyers'.
func (s *Service) Pages() []web.Route {
	open := slices.Concat(s.portalPages(), s.ticketPages(), s.paymentPages())
	for i := range open {
		open[i].Shop = open[i].Right == web.Public
	}
	return slices.Concat(s.eventPages(), s.doorPages(), s.scanPages(), open)
}
