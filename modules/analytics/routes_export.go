package analytics

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// exportTime bounds an export; what takes longer is exported day by day.
const exportTime = time.Hour

// exportCount is the trailer with the number of exported facts. A file that was cut
// off has none.
const exportCount = "X-Total-Count"

func (s *Service) exportRoutes() []web.Route {
	return []web.Route{{Method: "GET", Path: "/v1/events/export", Right: web.Manage, Handler: s.getExport, Timeout: exportTime,
		Doc: web.Doc{Says: "Exports recorded facts as NDJSON or Parquet.", Gives: web.Media("application/x-ndjson, application/vnd.apache.parquet"), Query: []string{"format: ndjson or parquet", "from", "to", "type: of this event type", "source: of this source", "key: of this key"}}}}
}

var exportMedia = map[string]string{formatNDJSON: "application/x-ndjson", formatParquet: "application/vnd.apache.parquet"}

// getExport streams. Once the answer has begun, a failure cuts the connection: an
// answer that ended well would pass for a complete file.
func (s *Service) getExport(c echo.Context) error {
	wanted, format, err := exportOf(c.QueryParams())
	if err != nil {
		return err
	}
	ctx, res := c.Request().Context(), c.Response()
	h := res.Header()
	h.Set("Content-Type", exportMedia[format])
	h.Set("Content-Disposition", `attachment; filename="events-`+s.db.Now().UTC().Format("2006-01-02")+"."+format+`"`)
	h.Set("Trailer", exportCount)
	n, err := s.Export(ctx, wanted, format, res)
	switch {
	case err == nil:
		h.Set(exportCount, strconv.FormatInt(n, 10))
		return nil
	case !res.Committed:
		h.Del("Content-Disposition")
		h.Del("Trailer")
		return err
	}
	s.log.WarnContext(ctx, "an export was cut off", "facts", n, "request_id", web.RequestID(ctx), "error", err)
	panic(http.ErrAbortHandler)
}

// exportOf reads ?format=, ?from= and ?to= (RFC 3339, of when facts happened),
// ?type=, ?source= and ?key=.
func exportOf(q url.Values) (w stream.Wanted, format string, err error) {
	var wrong []fault.Field
	bad := func(name, problem, fix string) {
		wrong = append(wrong, fault.Field{Name: name, Problem: problem, Fix: fix})
	}
	for name, values := range q {
		if len(values) > 1 {
			bad(name, "is given more than once", "make an export of each")
		}
	}
	if format = q.Get("format"); format == "" {
		format = formatNDJSON
	} else if exportMedia[format] == "" {
		bad("format", "is unknown", formatNDJSON+" or "+formatParquet)
	}
	for name, into := range map[string]*time.Time{"from": &w.From, "to": &w.To} {
		text := q.Get(name)
		t, err := time.Parse(time.RFC3339, text)
		if text != "" && err != nil {
			bad(name, "is not a time", "RFC 3339, such as 2026-06-01T12:00:00Z")
		}
		*into = t
	}
	if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
		bad("to", "is not after from", "")
	}
	w.Type, w.Source, w.Key = q.Get("type"), q.Get("source"), q.Get("key")
	for name, text := range map[string]string{"type": w.Type, "source": w.Source, "key": w.Key} {
		if !plain(text, maxID) {
			bad(name, "is too long or no plain text", "")
		}
	}
	slices.SortFunc(wrong, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
	return w, format, fault.BadFields("analytics.Export", wrong)
}
