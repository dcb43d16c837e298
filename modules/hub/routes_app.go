package hub

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) appRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/apps", Right: web.Manage, Handler: s.getApps,
			Doc: web.Doc{Says: "Lists apps.", Gives: web.Page[App]{}}},
		{Method: "POST", Path: "/v1/apps", Right: web.Manage, Handler: s.postApp,
			Doc: web.Doc{Says: "Makes an app.", Takes: App{}, Gives: App{}, Status: 201}},
		{Method: "GET", Path: "/v1/apps/:app", Right: web.Manage, Handler: s.getApp,
			Doc: web.Doc{Says: "Tells an app.", Gives: App{}}},
		{Method: "PUT", Path: "/v1/apps/:app", Right: web.Manage, Handler: s.putApp,
			Doc: web.Doc{Says: "Makes or changes an app.", Takes: App{}, Gives: App{}, Also: 201}},
		{Method: "DELETE", Path: "/v1/apps/:app", Right: web.Manage, Handler: s.deleteApp,
			Doc: web.Doc{Says: "Removes an app.", Query: []string{"force: true removes its installations too"}}},

		{Method: "PUT", Path: "/v1/apps/:app/credentials/:service", Right: web.Manage, Handler: s.putCredential,
			Doc: web.Doc{Says: "Stores the credential of a push service: an APNs key, an FCM service account or a VAPID key pair.", Takes: web.OneOf{APNsCredential{}, FCMCredential{}, WebPushCredential{}}, Gives: Credential{}}},
		{Method: "GET", Path: "/v1/apps/:app/credentials/:service", Right: web.Manage, Handler: s.getCredential,
			Doc: web.Doc{Says: "Tells a push credential without its secrets.", Gives: Credential{}}},
		{Method: "DELETE", Path: "/v1/apps/:app/credentials/:service", Right: web.Manage, Handler: s.deleteCredential,
			Doc: web.Doc{Says: "Removes a push credential."}},
		{Method: "POST", Path: "/v1/apps/:app/credentials/:service/resume", Right: web.Manage, Handler: s.postResume,
			Doc: web.Doc{Says: "Lets a paused credential send again.", Gives: Credential{}}},

		{Method: "GET", Path: "/v1/templates", Right: web.Send, Handler: s.getTemplates,
			Doc: web.Doc{Says: "Lists an app's templates.", Gives: web.Page[TemplateSet]{}, Query: []string{"app"}}},
		{Method: "PUT", Path: "/v1/templates/:name", Right: web.Manage, Handler: s.putTemplate,
			Doc: web.Doc{Says: "Makes or changes a template.", Takes: TemplateSet{}, Gives: TemplateSet{}, Also: 201}},
		{Method: "GET", Path: "/v1/templates/:name", Right: web.Send, Handler: s.getTemplate,
			Doc: web.Doc{Says: "Tells a template.", Gives: TemplateSet{}, Query: []string{"app"}}},
		{Method: "DELETE", Path: "/v1/templates/:name", Right: web.Manage, Handler: s.deleteTemplate,
			Doc: web.Doc{Says: "Removes a template.", Query: []string{"app"}}},
	}
}

func (s *Service) getApps(c echo.Context) error {
	apps, err := s.Apps(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[App]{Items: apps})
}

func (s *Service) postApp(c echo.Context) error {
	a, err := web.Bind[App](c)
	if err != nil {
		return err
	}
	if a, err = s.CreateApp(c.Request().Context(), a); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/v1/apps/"+a.ID)
	return c.JSON(http.StatusCreated, a)
}

func (s *Service) getApp(c echo.Context) error {
	a, err := s.App(c.Request().Context(), c.Param("app"))
	if err != nil {
		return err
	}
	return web.Fresh(c, a)
}

func (s *Service) putApp(c echo.Context) error {
	a, err := web.Bind[App](c)
	if err != nil {
		return err
	}
	if err := sameName("id", &a.ID, c.Param("app")); err != nil {
		return err
	}
	a, created, err := s.PutApp(c.Request().Context(), a)
	if err != nil {
		return err
	}
	return c.JSON(createdOrOK(created), a)
}

func (s *Service) deleteApp(c echo.Context) error {
	force, err := web.Flag(c, "force")
	if err != nil {
		return err
	}
	if err := s.DeleteApp(c.Request().Context(), c.Param("app"), force); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// sameName lets a body leave out the name that its address has; it must not say another.
func sameName(field string, inBody *string, inPath string) error {
	if *inBody != "" && *inBody != inPath {
		return fault.BadField("hub", field, "is not the one in the address", "leave it out of the body")
	}
	*inBody = inPath
	return nil
}

func createdOrOK(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}

func serviceParam(c echo.Context) (push.Service, error) {
	service := push.Service(c.Param("service"))
	if !delivers(service) {
		return "", fault.E("hub.Credential", fault.NotFound, "there is no push service "+clip(string(service)), nil).WithFix("apns, fcm or webpush")
	}
	return service, nil
}

func (s *Service) putCredential(c echo.Context) error {
	service, err := serviceParam(c)
	if err != nil {
		return err
	}
	var given NewCredential
	switch service {
	case push.APNs:
		given, err = web.Bind[APNsCredential](c)
	case push.FCM:
		given, err = web.Bind[FCMCredential](c)
	case push.WebPush:
		given, err = web.Bind[WebPushCredential](c)
	}
	if err != nil {
		return err
	}
	stored, err := s.PutCredential(c.Request().Context(), c.Param("app"), given)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, stored)
}

func (s *Service) getCredential(c echo.Context) error {
	service, err := serviceParam(c)
	if err != nil {
		return err
	}
	stored, err := s.Credential(c.Request().Context(), c.Param("app"), service)
	if err != nil {
		return err
	}
	return web.Fresh(c, stored)
}

func (s *Service) deleteCredential(c echo.Context) error {
	service, err := serviceParam(c)
	if err != nil {
		return err
	}
	if err := s.DeleteCredential(c.Request().Context(), c.Param("app"), service); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) postResume(c echo.Context) error {
	service, err := serviceParam(c)
	if err != nil {
		return err
	}
	stored, err := s.ResumeCredential(c.Request().Context(), c.Param("app"), service)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, stored)
}

func (s *Service) getTemplates(c echo.Context) error {
	sets, err := s.Templates(c.Request().Context(), c.QueryParam("app"))
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[TemplateSet]{Items: sets})
}

func (s *Service) putTemplate(c echo.Context) error {
	t, err := web.Bind[TemplateSet](c)
	if err != nil {
		return err
	}
	if err := sameName("name", &t.Name, c.Param("name")); err != nil {
		return err
	}
	t, created, err := s.PutTemplate(c.Request().Context(), t)
	if err != nil {
		return err
	}
	return c.JSON(createdOrOK(created), t)
}

func (s *Service) getTemplate(c echo.Context) error {
	t, err := s.Template(c.Request().Context(), c.QueryParam("app"), c.Param("name"))
	if err != nil {
		return err
	}
	return web.Fresh(c, t)
}

func (s *Service) deleteTemplate(c echo.Context) error {
	if err := s.DeleteTemplate(c.Request().Context(), c.QueryParam("app"), c.Param("name")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
