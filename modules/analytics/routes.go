package analytics

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Routes is analytics' JSON API.
func (s *Service) Routes() []web.Route {
	return slices.Concat(s.ingestRoutes(), s.exportRoutes(), s.QueryRoutes(), s.detectorRoutes(), s.socialRoutes(), s.streamRoutes(), s.outletRoutes(), s.forecastRoutes(), s.calendarRoutes(), s.segmentRoutes())
}
