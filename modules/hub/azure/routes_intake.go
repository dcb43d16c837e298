package azure

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// postImport is Usher's own: lines of an export, as `usher import azure-export` sends them.
func (s *Service) postImport(c echo.Context) error {
	from, err := strconv.ParseInt(query(c, "from"), 10, 64)
	if err != nil || from < 1 {
		return fault.BadField("azure.Import", "from", "is no line number", "the number of the first line, from 1")
	}
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if _, err := s.hub.App(ctx, hubOf(c)); err != nil {
		return err
	}
	in, err := s.intake(ctx, hubOf(c), from, body)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, in)
}
