package proximity

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// consentRoutes are for apps: what one installation agreed to, what is known of it, and
// how it is forgotten.
func (s *Service) consentRoutes() []web.Route {
	route := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: "/v1/consents/:installation" + path, Right: web.Listen, Handler: h, Doc: doc}
	}
	return []web.Route{
		route("GET", "", s.getConsent,
			web.Doc{Says: "Tells what an installation agreed to.", Gives: Consent{}}),
		route("PUT", "", s.putConsent,
			web.Doc{Says: "Records what an installation agreed to.", Takes: Consent{}, Gives: Consent{}}),
		route("DELETE", "", s.deleteConsentRoute,
			web.Doc{Says: "Withdraws an installation's consent."}),
		route("GET", "/visits", s.getVisits,
			web.Doc{Says: "Lists an installation's visits.", Gives: web.Page[Visit]{}}),
		route("GET", "/vouchers", s.getVouchers,
			web.Doc{Says: "Lists an installation's vouchers.", Gives: web.Page[Voucher]{}}),
		route("POST", "/forget", s.postForget,
			web.Doc{Says: "Forgets where an installation has been."}),
	}
}

func (s *Service) getConsent(c echo.Context) error {
	consent, err := s.Consent(c.Request().Context(), c.Param("installation"))
	if err != nil {
		return err
	}
	return web.Fresh(c, consent)
}

func (s *Service) putConsent(c echo.Context) error {
	given, err := web.Bind[Consent](c)
	if err != nil {
		return err
	}
	if given.Installation != "" && given.Installation != c.Param("installation") {
		return fault.BadField("proximity", "installation", "is not the one in the address", "leave it out of the body")
	}
	given.Installation = c.Param("installation")
	if who := web.CallerOf(c.Request().Context()); given.App == "" {
		given.App = who.App
	}
	given, err = s.PutConsent(c.Request().Context(), given)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, given)
}

func (s *Service) deleteConsentRoute(c echo.Context) error {
	if err := s.Withdraw(c.Request().Context(), c.Param("installation")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) postForget(c echo.Context) error {
	if err := s.Forget(c.Request().Context(), c.Param("installation")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getVisits(c echo.Context) error {
	all, err := s.Visits(c.Request().Context(), c.Param("installation"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Visit]{Items: orEmpty(all)})
}

func (s *Service) getVouchers(c echo.Context) error {
	all, err := s.Vouchers(c.Request().Context(), c.Param("installation"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Voucher]{Items: orEmpty(all)})
}

// orEmpty is the list, [] in JSON when there is nothing in it.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
