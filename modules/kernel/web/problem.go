package web

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
)

// Problem is the body of every error answer. Source: RFC 9457.
type Problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail,omitempty"`
	Code      fault.Code    `json:"code"` // stable; clients switch on it
	Fix       string        `json:"fix,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Errors    []fault.Field `json:"errors,omitempty"`
}

// statuses is the one table from fault codes to HTTP.
var statuses = map[fault.Code]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Limited:         http.StatusTooManyRequests,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Transient:       http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// Status is the HTTP status of an error: that of its fault code, unless the
// error names a more exact one (405, 412, 415, 422).
func Status(err error) int {
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		return he.Code
	}
	if status, ok := statuses[codeOf(err)]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// withStatus gives a fault an exact status of its own.
func withStatus(status int, f *fault.Error) error {
	return &echo.HTTPError{Code: status, Message: f.Message, Internal: f}
}

// Unprocessable answers 422 for a request that is well formed but cannot be, such
// as a key that was used for something else.
func Unprocessable(f *fault.Error) error { return withStatus(http.StatusUnprocessableEntity, f) }

// codeOf also knows the errors that net/http and context raise by themselves.
func codeOf(err error) fault.Code {
	var big *http.MaxBytesError
	switch f, ok := errors.AsType[*fault.Error](err); {
	case ok:
		return f.Code
	case errors.As(err, &big):
		return fault.TooLarge
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Transient
	}
	he, ok := errors.AsType[*echo.HTTPError](err)
	if !ok {
		return fault.Internal
	}
	for code, status := range statuses {
		if status == he.Code {
			return code
		}
	}
	if he.Code >= 400 && he.Code < 500 {
		return fault.Invalid
	}
	return fault.Internal
}

// ProblemOf is what the caller may know of err. The text of an internal fault
// and of a foreign error stays in the log.
func ProblemOf(err error, requestID string) Problem {
	code, status := codeOf(err), Status(err)
	p := Problem{
		Type: "urn:usher:problem:" + string(code), Title: http.StatusText(status),
		Status: status, Code: code, RequestID: requestID,
	}
	f, isFault := errors.AsType[*fault.Error](err)
	he, isHTTP := errors.AsType[*echo.HTTPError](err)
	switch {
	case code == fault.Internal:
		p.Detail = "something failed inside Usher"
		p.Fix = "try again; if it stays, give the operator the request id"
	case isFault:
		p.Detail, p.Fix, p.Errors = f.Message, f.Fix, f.Fields
	case status == http.StatusNotFound:
		p.Detail, p.Fix = "there is nothing at this address", "check the path"
	case status == http.StatusMethodNotAllowed:
		p.Detail, p.Fix = "this address does not take that method", "use one of the Allow header"
	case code == fault.Transient:
		p.Detail, p.Fix = "the request took too long", "try again"
	case isHTTP:
		p.Detail = fmt.Sprint(he.Message)
	default:
		p.Detail = strings.ToLower(p.Title)
	}
	return p
}

// ErrorPage renders a Problem for a browser.
type ErrorPage func(c echo.Context, p Problem) error

// ErrorHandler is the one place where an error becomes an answer: problem+json,
// or page (when not nil), or the route's own, for a browser on a page route. Causes go to log, with the request id.
func ErrorHandler(log *slog.Logger, page ErrorPage) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		ctx := c.Request().Context()
		p := ProblemOf(err, RequestID(ctx))
		level := slog.LevelDebug
		if p.Status >= 500 && !errors.Is(err, context.Canceled) {
			level = slog.LevelError
		}
		log.Log(ctx, level, "request failed", "request_id", p.RequestID, "route", route(c), "code", p.Code, "error", err)
		if c.Response().Committed {
			return // a live stream broke: its answer has begun
		}
		setErrorHeaders(c, err, p)
		if page != nil && wantsPage(c) {
			show := page
			if own, _ := c.Get(wrongKey).(ErrorPage); own != nil {
				show = own
			}
			perr := show(c, p)
			if perr == nil || c.Response().Committed {
				return
			}
			log.ErrorContext(ctx, "error page failed", "request_id", p.RequestID, "error", perr)
		}
		if werr := writeProblem(c, p); werr != nil {
			log.DebugContext(ctx, "client went away", "request_id", p.RequestID, "error", werr)
		}
	}
}

func setErrorHeaders(c echo.Context, err error, p Problem) {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="usher"`)
	}
}

func writeProblem(c echo.Context, p Problem) error {
	if c.Request().Method == http.MethodHead {
		return c.NoContent(p.Status)
	}
	c.Response().Header().Set("Content-Type", "application/problem+json")
	c.Response().WriteHeader(p.Status)
	return c.Echo().JSONSerializer.Serialize(c, p, "")
}

// wantsPage: a browser (Accept: text/html) that asked for a page, or for
// something that is neither a page nor part of the API.
func wantsPage(c echo.Context) bool {
	if !strings.Contains(c.Request().Header.Get("Accept"), "text/html") {
		return false
	}
	isPage, _ := c.Get(pageKey).(bool)
	return isPage || route(c) == unmatched && !strings.HasPrefix(c.Request().URL.Path, "/v1/")
}

const unmatched = "unmatched"

// route is the pattern a request matched. The path itself may hold what must
// not reach a log.
func route(c echo.Context) string {
	if p := c.Path(); p != "" {
		return p
	}
	return unmatched
}
