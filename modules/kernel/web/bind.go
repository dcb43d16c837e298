package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const bodyKey = "usher.body"

// Body is the raw request body, read once and kept for the request's life, so
// that Bind and Idempotent see the same bytes. Errors: fault.TooLarge, fault.Invalid.
func Body(c echo.Context) ([]byte, error) {
	const op = "web.Body"
	if b, ok := c.Get(bodyKey).([]byte); ok {
		return b, nil
	}
	b, err := io.ReadAll(c.Request().Body)
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(op, big.Limit, err)
	}
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "the body ended before it was complete", err)
	}
	c.Set(bodyKey, b)
	return b, nil
}

// Bind reads a JSON body into a T, strictly, and checks its validator tags.
//
// All faults are reported at once, by JSON name: unknown fields (with the
// nearest known one), wrong types, broken rules. Errors: fault.Invalid,
// fault.TooLarge; 415 for another media type.
func Bind[T any](c echo.Context) (T, error) {
	const op = "web.Bind"
	var v T
	if ct := c.Request().Header.Get("Content-Type"); ct != "" && !isJSON(ct) {
		return v, withStatus(http.StatusUnsupportedMediaType,
			fault.E(op, fault.Invalid, "the body must be JSON", nil).WithFix("Content-Type: application/json"))
	}
	body, err := Body(c)
	if err != nil {
		return v, err
	}
	if q, ok := any(&v).(Quick); ok {
		if q.ReadJSON(body) {
			return v, Check(op, v, "json")
		}
		v = *new(T)
	}
	if err := Decode(body, &v); err != nil {
		return v, err
	}
	return v, Check(op, v, "json")
}

// Quick is a body that reads its ordinary form by itself, without reflection, where
// that is worth it. false: the long way must read it, or say what is wrong.
type Quick interface{ ReadJSON(body []byte) bool }

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true // nearly always, and parsing is dear
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// Decode reads exactly one JSON value into v, a pointer. Errors: fault.Invalid
// naming the place: line and column for bad text and syntax, the field otherwise.
func Decode(data []byte, v any) error {
	const op = "web.Decode"
	if !utf8.Valid(data) { // the decoder would keep U+FFFD instead, and nobody could tell what was written
		return badText(op, data)
	}
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return fault.E(op, fault.Invalid, "the body is empty", nil).WithFix("send a JSON value")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	switch {
	case err == nil && len(bytes.TrimSpace(data[dec.InputOffset():])) == 0:
		return nil
	case !json.Valid(data):
		return badSyntax(op, data)
	}
	// The plain decoder stops at the first fault and does not say where it is.
	if err := fault.BadFields(op, explain(data, v)); err != nil {
		return err
	}
	return fault.E(op, fault.Invalid, "the body does not have the expected form", err)
}

// badText says where a body stops being UTF-8. Source: RFC 8259, 8.1.
func badText(op string, data []byte) error {
	at := 0
	for r, size := utf8.DecodeRune(data); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(data[at:]) {
		at += size
	}
	line, col := position(data, int64(at))
	return fault.E(op, fault.Invalid, fmt.Sprintf("the body is not UTF-8 at line %d, column %d", line, col), nil).WithFix("send JSON as UTF-8")
}

func badSyntax(op string, data []byte) error {
	var first json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&first)
	if err == nil {
		line, col := position(data, dec.InputOffset())
		return fault.E(op, fault.Invalid, fmt.Sprintf("there is more after the JSON value, from line %d, column %d", line, col), nil).
			WithFix("send one JSON value and nothing after it")
	}
	at := int64(len(data))
	problem := "it ends too early"
	if se, ok := errors.AsType[*json.SyntaxError](err); ok {
		at, problem = max(se.Offset-1, 0), se.Error()
	}
	line, col := position(data, at)
	return fault.E(op, fault.Invalid, fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, col, problem), err)
}

// position turns a byte offset into line and column, both from 1.
func position(data []byte, offset int64) (line, col int) {
	before := data[:min(offset, int64(len(data)))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
