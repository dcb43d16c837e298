package azure

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// asked reads a send's headers and body.
func asked(c echo.Context) (message, error) {
	body, err := web.Body(c)
	if err != nil {
		return message{}, err
	}
	return readMessage(c.Request().Header, body)
}

func (s *Service) postMessage(c echo.Context) error {
	m, err := asked(c)
	if err != nil {
		return err
	}
	if has(c, "direct") {
		handles, err := m.one()
		if err != nil {
			return err
		}
		return s.sendTo(c, m, handles)
	}
	if !has(c, "test") || query(c, "test") == "false" {
		return s.sendTo(c, m, nil)
	}
	ctx := c.Request().Context()
	t, handles, err := s.try(ctx, hubOf(c), m, web.Actor(ctx))
	if err != nil {
		return err
	}
	s.located(c, "/messages/"+t.Report.Notification.ID.String())
	return c.Blob(http.StatusCreated, typeXML, []byte(trialXML(t.Deliveries, handles)))
}

// sendTo sends to a tag expression, or to handles if there are any.
func (s *Service) sendTo(c echo.Context, m message, handles []json.RawMessage) error {
	if handles != nil && m.platform == nil {
		return fault.BadField(opMessage, "ServiceBusNotification-Format", "is template", "a handle has no template: name a platform")
	}
	ctx := c.Request().Context()
	name, err := s.send(ctx, hubOf(c), m, handles, web.Actor(ctx))
	if err != nil {
		return err
	}
	below := "/messages/"
	if m.at != nil {
		below = "/schedulednotifications/"
	}
	s.located(c, below+name.String())
	return c.NoContent(http.StatusCreated)
}

func (s *Service) postBatch(c echo.Context) error {
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	b, err := readBatch(c.Request().Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	m, err := readMessage(c.Request().Header, b.body)
	if err != nil {
		return err
	}
	return s.sendTo(c, m, b.devices)
}

func (s *Service) postScheduled(c echo.Context) error {
	m, err := asked(c)
	if err != nil {
		return err
	}
	if err := m.schedule(); err != nil {
		return err
	}
	return s.sendTo(c, m, nil)
}

// messageID reads the path's :id. One that is none names nothing: 404, as in the reference.
func messageID(c echo.Context) (id.ID, error) {
	name, err := id.Parse(c.Param("id"))
	if err != nil {
		return name, fault.E(opMessage, fault.NotFound, "There is nothing of that id.", err)
	}
	return name, nil
}

func (s *Service) deleteScheduled(c echo.Context) error {
	name, err := messageID(c)
	if err != nil {
		return err
	}
	if err := s.cancel(c.Request().Context(), hubOf(c), name); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

func (s *Service) getMessage(c echo.Context) error {
	name, err := messageID(c)
	if err != nil {
		return err
	}
	d, err := s.details(c.Request().Context(), hubOf(c), name)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, typeXML, []byte(d.xml(s.base(c)+"/messages/"+name.String()+"?api-version="+apiVersion)))
}
