package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Tag is the strong entity tag of a value: a hash of its JSON, so that equal
// answers have equal tags. Source: RFC 9110, section 8.8.3.
func Tag(value any) (string, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return "", fault.E("web.Tag", fault.Internal, "cannot write the answer", err)
	}
	return tagOf(b), nil
}

func tagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}

// ETag sets the tag of value and reports whether the caller's copy
// (If-None-Match) is the same: then answer 304 with nothing in it.
func ETag(c echo.Context, value any) (same bool, err error) {
	tag, err := Tag(value)
	if err != nil {
		return false, err
	}
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	return matches(c.Request().Header.Values("If-None-Match"), tag, true), nil
}

// Fresh answers a GET: 200 with value as JSON and its tag, or 304 when the
// caller has it already.
func Fresh(c echo.Context, value any) error {
	same, err := ETag(c, value)
	if err != nil {
		return err
	}
	if same {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(http.StatusOK, value)
}

// IfMatch refuses a change to something the caller saw in an older state.
// current is what a GET would answer now. Without If-Match every change is fine.
// Errors: fault.Conflict, as 412.
func IfMatch(c echo.Context, current any) error {
	want := c.Request().Header.Values("If-Match")
	if len(want) == 0 {
		return nil
	}
	tag, err := Tag(current)
	if err != nil {
		return err
	}
	if matches(want, tag, false) {
		return nil
	}
	return withStatus(http.StatusPreconditionFailed,
		fault.E("web.IfMatch", fault.Conflict, "it has changed since you read it", nil).
			WithFix("read it again and repeat the change with its new ETag"))
}

// matches compares a list of tags with ours; weak ones count only when weak is set.
func matches(headers []string, tag string, weak bool) bool {
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		item = strings.TrimSpace(item)
		if weak {
			item = strings.TrimPrefix(item, "W/")
		}
		if item == tag || item == "*" {
			return true
		}
	}
	return false
}
