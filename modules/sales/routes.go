package sales

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Routes are sales' JSON API. What buyers and tills call has the shop's rate limit:
// many buyers may come from one address.
func (s *Service) Routes() []web.Route {
	open := slices.Concat(s.shopRoutes(), s.tillRoutes(), s.paymentRoutes())
	for i := range open {
		open[i].Shop = open[i].Right == web.Public || open[i].Right == web.Send
	}
	return slices.Concat(s.catalogueRoutes(), open, s.scanRoutes(), s.exportRoutes())
}
