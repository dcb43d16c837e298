package sales

import (
	"bufio"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// exportTime bounds one export.
const exportTime = 30 * time.Minute

func (s *Service) exportRoutes() []web.Route {
	return []web.Route{{Method: "GET", Path: "/v1/catalogue/events/:event/exports/:what", Right: web.Manage, Handler: s.getExport, Timeout: exportTime,
		Doc: web.Doc{Says: "Exports an event's orders, tickets, payments or attendees as CSV or NDJSON.", Gives: web.Media("text/csv, application/x-ndjson"), Query: []string{"format: csv or ndjson"}}}}
}

var exportMedia = map[string]string{"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}

// exportsOffered is what each export says, by name.
func exportsOffered() map[string]string {
	out := make(map[string]string, len(exports))
	for name, x := range exports {
		out[name] = x.says
	}
	return out
}

// getExport streams. Once the answer has begun, a failure cuts the connection: an
// answer that ended well would pass for a complete file.
func (s *Service) getExport(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	ctx, res := c.Request().Context(), c.Response()
	e, err := s.Event(ctx, event)
	if err != nil {
		return err
	}
	format := c.QueryParam("format")
	if format == "" {
		format = "csv"
	}
	h := res.Header()
	h.Set("Content-Type", exportMedia[format])
	h.Set("Content-Disposition", `attachment; filename="`+e.Slug+"-"+c.Param("what")+"."+format+`"`)
	out := bufio.NewWriterSize(res, 64<<10)
	n, err := s.Export(ctx, event, c.Param("what"), format, out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		return nil
	}
	if !res.Committed {
		h.Del("Content-Disposition")
		h.Del("Content-Type")
		return err
	}
	s.log.WarnContext(ctx, "an export was cut off", "rows", n, "request_id", web.RequestID(ctx), "error", err)
	panic(http.ErrAbortHandler)
}
