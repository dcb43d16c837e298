package openapi

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Schema is what of JSON Schema our types need. The zero Schema allows everything.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or several
	Format      string             `json:"format,omitempty"`
	Description string             `json:"description,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	MinLength   *int               `json:"minLength,omitempty"`
	MaxLength   *int               `json:"maxLength,omitempty"`
	MinItems    *int               `json:"minItems,omitempty"`
	MaxItems    *int               `json:"maxItems,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // a Schema, or false
	OneOf       []*Schema          `json:"oneOf,omitempty"`
}

func refTo(name string) string { return "#/components/schemas/" + name }

// schemas collects the types that have a name. A struct that is answered and one that is
// taken differ: what is answered has every field that is not left out when empty,
// what is taken needs those alone that its rules demand, and no others are known.
type schemas struct {
	known    map[string]*Schema
	types    map[string]reflect.Type // whose name it is
	answered map[reflect.Type]bool
}

func newSchemas() *schemas {
	return &schemas{known: map[string]*Schema{}, types: map[string]reflect.Type{}, answered: map[reflect.Type]bool{}}
}

// answer is the content of a response; take that of a request.
func (s *schemas) answer(v any) map[string]Content { return s.content(v, walk{schemas: s}) }
func (s *schemas) take(v any) map[string]Content   { return s.content(v, walk{schemas: s, taken: true}) }

func (s *schemas) content(v any, w walk) map[string]Content {
	switch v := v.(type) {
	case nil:
		return nil
	case web.Media:
		all := map[string]Content{}
		for name := range strings.SplitSeq(string(v), ", ") {
			all[name] = Content{&Schema{}}
			if strings.HasPrefix(name, "text/") || strings.HasSuffix(name, "ndjson") {
				all[name] = Content{&Schema{Type: "string"}}
			}
		}
		return all
	case web.OneOf:
		one := &Schema{}
		for _, each := range v {
			one.OneOf = append(one.OneOf, w.schema(reflect.TypeOf(each)))
		}
		return map[string]Content{"application/json": {one}}
	}
	return map[string]Content{"application/json": {w.schema(reflect.TypeOf(v))}}
}

// walk turns types into schemas, of what is taken or of what is answered.
type walk struct {
	*schemas
	taken bool
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	unmarshaler   = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// plain are the types that are not what they are made of.
func plain(t reflect.Type) *Schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[time.Duration]():
		return &Schema{Type: "integer", Format: "int64", Description: "nanoseconds"}
	case reflect.TypeFor[id.ID]():
		return &Schema{Type: "string", Format: "uuid"}
	case reflect.TypeFor[json.RawMessage]():
		return &Schema{}
	case reflect.TypeFor[[]byte]():
		return &Schema{Type: "string", Format: "byte"}
	}
	switch page := isPage(t); {
	case page:
		return nil
	case t.Implements(marshaler):
		return &Schema{}
	case t.Implements(textMarshaler):
		return &Schema{Type: "string"}
	}
	return nil
}

// schema of a type; structs that have a name become components.
func (w walk) schema(t reflect.Type) *Schema {
	if t.Kind() == reflect.Pointer {
		return w.schema(t.Elem())
	}
	if s := plain(t); s != nil {
		return s
	}
	if w.taken && reflect.PointerTo(t).Implements(unmarshaler) {
		return &Schema{} // it takes several forms
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(t)
	case reflect.Slice, reflect.Array:
		return &Schema{Type: "array", Items: w.schema(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", Additional: w.schema(t.Elem())}
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number", Format: "double"}
	case reflect.Int64, reflect.Uint64, reflect.Int, reflect.Uint:
		return &Schema{Type: "integer", Format: "int64"}
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return &Schema{Type: "integer", Format: "int32"}
	}
	return &Schema{} // an interface: anything
}

func (w walk) object(t reflect.Type) *Schema {
	name := nameOf(t)
	if name == "" {
		return w.fields(t)
	}
	if other := w.types[name]; w.taken && (w.answered[t] || other != nil && other != t) {
		name += "Input"
	}
	if !w.taken {
		w.answered[t] = true
	}
	if w.known[name] == nil {
		w.known[name], w.types[name] = &Schema{}, t // a type may hold itself
		*w.known[name] = *w.fields(t)
	}
	if w.types[name] != t {
		panic("openapi: " + w.types[name].String() + " and " + t.String() + " would both be " + name + ": rename one")
	}
	return &Schema{Ref: refTo(name)}
}

func (w walk) fields(t reflect.Type) *Schema {
	o := &Schema{Type: "object", Properties: map[string]*Schema{}}
	if w.taken {
		o.Additional = false // web.Bind refuses what it does not know
	}
	w.addFields(o, t, 0, map[string]int{})
	return o
}

// addFields adds t's fields, and those of what it embeds, as encoding/json writes them:
// of two with the same name the one that is embedded less deeply counts. depths tells
// how deep those are that are there.
func (w walk) addFields(o *Schema, t reflect.Type, depth int, depths map[string]int) { //nolint:gocognit // what encoding/json does, in its order
	for f := range fieldsOf(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-" && options == "":
			continue
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct && plain(inner) == nil:
			w.addFields(o, inner, depth+1, depths)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		if at, there := depths[name]; there && at <= depth {
			continue
		}
		depths[name] = depth
		o.Required = slices.DeleteFunc(o.Required, func(r string) bool { return r == name })
		s := w.schema(f.Type)
		rules := rulesOf(f.Tag.Get("validate"))
		s = constrain(s, rules)
		empty := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if !w.taken && !empty {
			s = nullable(s, f.Type, isPage(t))
		}
		if strings.Contains(options, "string") {
			s = &Schema{Type: "string"}
		}
		o.Properties[name] = s
		if w.taken && rules["required"] != nil || !w.taken && !empty {
			o.Required = append(o.Required, name)
		}
	}
}

// nullable allows null where Go writes it: for a pointer to nothing, a list or a map
// that was never made. A page's items are always a list.
func nullable(s *Schema, t reflect.Type, page bool) *Schema {
	if k := t.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Map || page {
		return s
	}
	if s.Ref != "" {
		return &Schema{OneOf: []*Schema{s, {Type: "null"}}}
	}
	if name, ok := s.Type.(string); ok {
		s.Type = []string{name, "null"}
	}
	return s
}
