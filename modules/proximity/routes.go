package proximity

import (
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Routes is the JSON API of proximity.
func (s *Service) Routes() []web.Route {
	return slices.Concat(s.venueRoutes(), s.consentRoutes(), s.crowdRoutes(), s.offerRoutes())
}

// idOf reads an id in the address. Errors: fault.NotFound, for no such thing can exist.
func idOf(c echo.Context, name string) (id.ID, error) {
	v, err := id.Parse(c.Param(name))
	if err != nil {
		return id.Nil, fault.E("proximity", fault.NotFound, "there is no such "+name, err)
	}
	return v, nil
}
