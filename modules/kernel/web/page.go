package web

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Page is one page of a list. Next is the cursor of the page after it, "" at the end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// MarshalJSON writes items as a list, also when there is none.
func (p Page[T]) MarshalJSON() ([]byte, error) {
	if p.Items == nil {
		p.Items = []T{}
	}
	type plain Page[T]
	return json.Marshal(plain(p))
}

// maxCursor bounds what DecodeCursor looks at, in characters.
const maxCursor = 2048

// EncodeCursor makes the opaque form of a place in a list: base64url of its
// JSON. It is not signed: a store must treat it as any other input.
func EncodeCursor(place any) string {
	b, err := json.Marshal(place)
	if err != nil {
		panic("web: a cursor must be plain data: " + err.Error()) // a programming fault
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor reads what EncodeCursor made; "" is the zero T, the list's start.
// Errors: fault.Invalid.
func DecodeCursor[T any](cursor string) (T, error) {
	var place T
	if cursor == "" {
		return place, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err == nil && len(cursor) <= maxCursor {
		err = Decode(raw, &place)
	}
	if err != nil || len(cursor) > maxCursor {
		var zero T
		return zero, fault.BadField("web.DecodeCursor", "cursor", "is not one of ours",
			"pass on the value of next as it is, or leave it out to start again")
	}
	return place, nil
}

// Limit reads ?limit=, the number of items on a page: def when it is absent.
// Errors: fault.Invalid unless 1 ≤ limit ≤ most.
func Limit(c echo.Context, def, most int) (int, error) {
	s := c.QueryParam("limit")
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fault.BadField("web.Limit", "limit", "must be a whole number from 1 to "+strconv.Itoa(most), "")
	}
	return n, nil
}
