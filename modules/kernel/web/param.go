package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Flag reads ?name=true; absent is false. A value that is neither must not pass for
// false: who writes dry_run=yes does not want the change. Errors: fault.Invalid.
func Flag(c echo.Context, name string) (bool, error) {
	s := c.QueryParam(name)
	if s == "" && !c.Request().URL.Query().Has(name) {
		return false, nil
	}
	on, err := strconv.ParseBool(s)
	if err != nil {
		return false, fault.BadField("web.Flag", name, "is neither true nor false", "?"+name+"=true")
	}
	return on, nil
}

// Choice reads a parameter that has few values; "" when it is absent. Errors:
// fault.Invalid, naming them.
func Choice[T ~string](c echo.Context, name string, values ...T) (T, error) {
	v := T(c.QueryParam(name))
	if v == "" || slices.Contains(values, v) {
		return v, nil
	}
	known := make([]string, len(values))
	for i, k := range values {
		known[i] = string(k)
	}
	return "", fault.BadField("web.Choice", name, "is none that there is", strings.Join(known, ", ")+", or leave it out")
}

// QueryID reads an id of the query; id.Nil when there is none. Errors: fault.Invalid.
func QueryID(c echo.Context, name string) (id.ID, error) {
	text := c.QueryParam(name)
	if text == "" {
		return id.Nil, nil
	}
	v, err := id.Parse(text)
	if err != nil {
		return id.Nil, fault.BadField("web.QueryID", name, "is no id", "a UUID, or leave it out")
	}
	return v, nil
}
