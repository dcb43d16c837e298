package web

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// maxExplained bounds the answer to a body that is wrong everywhere.
const maxExplained = 20

// explain lists every place where valid JSON does not fit the type v points to.
func explain(data []byte, v any) []fault.Field {
	e := &explainer{}
	e.value("", reflect.TypeOf(v).Elem(), data)
	return e.faults
}

type explainer struct{ faults []fault.Field }

func (e *explainer) add(path, problem, fix string) {
	if len(e.faults) >= maxExplained {
		return
	}
	if path == "" {
		path = "body"
	}
	e.faults = append(e.faults, fault.Field{Name: path, Problem: problem, Fix: fix})
}

var (
	jsonReader = reflect.TypeFor[json.Unmarshaler]()
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value checks one JSON value against the type it is meant for.
func (e *explainer) value(path string, t reflect.Type, raw json.RawMessage) {
	if string(raw) == "null" || t.Kind() == reflect.Interface {
		return
	}
	p := reflect.PointerTo(t)
	opaque := p.Implements(jsonReader) || p.Implements(textReader)
	switch k := t.Kind(); {
	case k == reflect.Pointer:
		e.value(path, t.Elem(), raw)
	case !opaque && k == reflect.Struct:
		e.object(path, raw, func(key string, item json.RawMessage) { e.field(path, t, key, item) })
	case !opaque && k == reflect.Map:
		e.object(path, raw, func(key string, item json.RawMessage) { e.value(join(path, key), t.Elem(), item) })
	case !opaque && (k == reflect.Slice || k == reflect.Array) && t.Elem().Kind() != reflect.Uint8:
		e.list(path, t, raw)
	default:
		if json.Unmarshal(raw, reflect.New(t).Interface()) != nil {
			e.add(path, "is "+found(raw), "write "+expected(t))
		}
	}
}

func (e *explainer) object(path string, raw json.RawMessage, each func(string, json.RawMessage)) {
	var items map[string]json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		e.add(path, "is "+found(raw), "write an object: { … }")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(items)) {
		each(key, items[key])
	}
}

func (e *explainer) list(path string, t reflect.Type, raw json.RawMessage) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		e.add(path, "is "+found(raw), "write a list: [ … ]")
		return
	}
	for i, item := range items {
		e.value(fmt.Sprintf("%s[%d]", path, i), t.Elem(), item)
	}
}

func (e *explainer) field(path string, t reflect.Type, key string, raw json.RawMessage) {
	known := jsonFields(t)
	for name, ft := range known {
		if strings.EqualFold(name, key) { // as encoding/json matches
			e.value(join(path, name), ft, raw)
			return
		}
	}
	fix := "leave it out"
	if near := Nearest(key, slices.Sorted(maps.Keys(known))); near != "" {
		fix = "did you mean " + join(path, near) + "?"
	}
	e.add(join(path, key), "is not a known field", fix)
}

// jsonFields are the names a struct takes, embedded structs included.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	return fields
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// expected says in plain words what a type takes.
func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "a time such as 2026-07-01T18:30:00Z"
	case reflect.TypeFor[id.ID]():
		return "an id such as 0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e55"
	}
	switch t.Kind() {
	case reflect.String:
		return "text in quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "base64 text"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, 0 or more, within its range"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number within its range"
	}
	return "a valid " + strings.ToLower(t.Name())
}

// found says in plain words what a JSON value is.
func found(raw json.RawMessage) string {
	switch s := string(raw); s[0] {
	case '"':
		if len(s) > 60 {
			return "that text"
		}
		return "the text " + s
	case '{':
		return "an object"
	case '[':
		return "a list"
	default:
		return s[:min(len(s), 60)]
	}
}
