package analytics

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// socialRoutes are where posts come in and how the connectors fare. The webhook is
// open to anyone who can sign.
func (s *Service) socialRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/social/:connector", Right: web.Public, Handler: s.postSocial,
			Doc: web.Doc{Says: "Takes a delivery of a social connector, signed by its source.", Takes: delivery{}, Gives: Delivered{}, Status: 202}},
		{Method: "GET", Path: "/v1/social", Right: web.Manage, Handler: s.getSocial,
			Doc: web.Doc{Says: "Lists the social connectors and how they are.", Gives: web.Page[ConnectorState]{}}},
	}
}

// delivery is the body of a webhook.
type delivery struct {
	Posts []Post `json:"posts" validate:"min=1,dive"`
}

func (s *Service) postSocial(c echo.Context) error {
	connector, err := s.connector(c.Param("connector"))
	if err != nil {
		return err
	}
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	head := c.Request().Header
	if err := connector.verify(s.db.Now(), head.Get("X-Usher-Timestamp"), head.Get("X-Usher-Signature"), body); err != nil {
		return err
	}
	d, err := web.Bind[delivery](c)
	if err != nil {
		return err
	}
	done, err := s.Deliver(c.Request().Context(), connector, d.Posts)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, done)
}

func (s *Service) getSocial(c echo.Context) error {
	list, err := s.Connectors(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[ConnectorState]{Items: list})
}
