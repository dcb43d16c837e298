package hub

import "github.com/usherhq/usher/modules/kernel/web"

// Routes is the hub's JSON API; each route states its right.
func (s *Service) Routes() []web.Route {
	var all []web.Route
	all = append(all, s.appRoutes()...)
	all = append(all, s.installationRoutes()...)
	all = append(all, s.transferRoutes()...)
	all = append(all, s.notificationRoutes()...)
	return s.scoped(all)
}
