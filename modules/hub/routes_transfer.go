package hub

import (
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) transferRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/imports", Right: web.Manage, Handler: s.postImport, Limit: math.MaxInt64, Timeout: -1,
			Doc: web.Doc{Says: "Imports installations as NDJSON or CSV, of any size.", Takes: web.Media("application/x-ndjson, text/csv"), Gives: Transfer{}, Query: []string{"app", "format: ndjson or csv", "id: your name for the transfer, a UUID"}}},
		{Method: "GET", Path: "/v1/transfers", Right: web.Manage, Handler: s.getTransfers,
			Doc: web.Doc{Says: "Lists imports and exports.", Gives: web.Page[Transfer]{}, Query: []string{"app"}}},
		{Method: "GET", Path: "/v1/transfers/:id", Right: web.Manage, Handler: s.getTransfer,
			Doc: web.Doc{Says: "Tells an import's progress and faults.", Gives: Transfer{}}},
		{Method: "GET", Path: "/v1/exports/installations", Right: web.Manage, Handler: s.getExport, Timeout: -1,
			Doc: web.Doc{Says: "Exports installations as NDJSON or CSV.", Gives: web.Media("application/x-ndjson, text/csv"), Query: []string{"app", "format: ndjson or csv", "service", "status", "tags: a tag expression"}}},
	}
}

// postImport reads the body as it comes, of any size. The caller may name the
// transfer (X-Transfer-Id or ?id=) to follow it at /v1/transfers/:id meanwhile.
func (s *Service) postImport(c echo.Context) error {
	req := c.Request()
	name := id.New()
	if given := orElse(req.Header.Get("X-Transfer-Id"), c.QueryParam("id")); given != "" {
		var err error
		if name, err = transferID(given); err != nil {
			return err
		}
	}
	t, err := s.importAs(req.Context(), name, c.QueryParam("app"), orElse(c.QueryParam("format"), NDJSON), req.Body, req.ContentLength, nil)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

func transferID(s string) (id.ID, error) {
	name, err := id.Parse(s)
	if err != nil {
		return id.Nil, fault.BadField("hub.Transfer", "id", "is no UUID", "such as 01890a5d-ac96-774b-bcce-b302099a8057")
	}
	return name, nil
}

func (s *Service) getTransfers(c echo.Context) error {
	list, err := s.Transfers(c.Request().Context(), c.QueryParam("app"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, web.Page[Transfer]{Items: list})
}

func (s *Service) getTransfer(c echo.Context) error {
	name, err := transferID(c.Param("id"))
	if err != nil {
		return err
	}
	t, err := s.Transfer(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

var mediaTypes = map[string]string{NDJSON: "application/x-ndjson", CSV: "text/csv; charset=utf-8"}

// getExport streams. Once the answer has begun, a failure cuts the connection: an answer
// that ended well would pass for a complete file.
func (s *Service) getExport(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.newExport(ctx, selectionOf(c), orElse(c.QueryParam("format"), NDJSON))
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", mediaTypes[e.format])
	h.Set("Content-Disposition", `attachment; filename="installations-`+e.sel.App+"."+e.format+`"`)
	h.Set("X-Total-Count", strconv.FormatInt(e.total, 10))
	c.Response().WriteHeader(http.StatusOK)
	if err := e.write(ctx, c.Response()); err != nil {
		s.log.WarnContext(ctx, "an export was cut off", "request_id", web.RequestID(ctx), "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
