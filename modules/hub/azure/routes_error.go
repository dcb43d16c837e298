package azure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// answerError is the one place where an error becomes an answer, in the shape of
// the reference: <Error><Code>…</Code><Detail>…</Detail></Error>.
func (s *Service) answerError(err error, c echo.Context) {
	ctx, res := c.Request().Context(), c.Response()
	p := web.ProblemOf(err, web.RequestID(ctx))
	if _, ok := errors.AsType[*preconditionError](err); ok {
		p.Status = http.StatusPreconditionFailed
	}
	level := slog.LevelDebug
	if p.Status >= 500 && !errors.Is(err, context.Canceled) {
		level = slog.LevelError
	}
	s.log.Log(ctx, level, "request failed", "request_id", p.RequestID, "route", c.Path(), "code", p.Code, "error", err)
	if res.Committed {
		return
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		res.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	res.Header().Del("ETag")
	var d document
	d.open("Error")
	d.put("Code", strconv.Itoa(p.Status))
	d.put("Detail", detail(p)+fmt.Sprintf(".TrackingId:%s,TimeStamp:%s", res.Header().Get("TrackingId"), s.db.Now().UTC().Format("1/2/2006 3:04:05 PM")))
	d.close("Error")
	if werr := c.Blob(p.Status, typeXML, []byte(d.String())); werr != nil {
		s.log.DebugContext(ctx, "client went away", "request_id", p.RequestID, "error", werr)
	}
}

// detail is what is wrong and how to mend it, in one line.
func detail(p web.Problem) string {
	var parts []string
	for _, f := range p.Errors {
		parts = append(parts, strings.TrimSuffix(f.Name+": "+f.Problem+" ("+f.Fix+")", " ()"))
	}
	if len(parts) == 0 {
		parts = append(parts, p.Detail)
		if p.Fix != "" {
			parts = append(parts, p.Fix)
		}
	}
	return strings.TrimSuffix(strings.Join(parts, "; "), ".")
}
