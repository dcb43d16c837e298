package analytics

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages is analytics' part of the dashboard.
func (s *Service) Pages() []web.Route {
	return slices.Concat(s.QueryPages(), s.DetectorPages(), s.StreamPages(), s.OutletPages(), s.ForecastPages(), s.calendarPages(), s.segmentPages())
}
