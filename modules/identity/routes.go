package identity

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Routes is identity's JSON API; each route states its right.
func (s *Service) Routes() []web.Route {
	return slices.Concat(s.tokenRoutes(), s.keyRoutes(), s.peopleRoutes())
}
