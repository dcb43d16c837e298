// Package openapi describes routes in the terms of OpenAPI 3.1: the document that
// tools read, made from the Doc that stands beside each route and from the Go types
// the handlers bind and answer, so that it cannot say anything else than they do.
//
// Source: OpenAPI Specification 3.1.1; JSON Schema 2020-12.
package openapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/web"
)

// Document is an OpenAPI document.
type Document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       Info                             `json:"info"`
	Tags       []Tag                            `json:"tags"`
	Paths      map[string]map[string]*Operation `json:"paths"` // by path, then by method in lower case
	Components Components                       `json:"components"`
}

// Info says what the API is.
type Info struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

// Tag is a group of operations: those of one first part of the path.
type Tag struct {
	Name string `json:"name"`
}

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Tags        []string              `json:"tags"`
	Right       web.Right             `json:"x-right"` // what a caller must hold
	Security    []map[string][]string `json:"security"`
	Parameters  []Parameter           `json:"parameters,omitempty"`
	RequestBody *Body                 `json:"requestBody,omitempty"`
	Responses   map[string]Response   `json:"responses"`
}

// Parameter stands in the path, the query or a header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body is what a request holds.
type Body struct {
	Required bool               `json:"required"`
	Content  map[string]Content `json:"content"`
}

// Response is what is answered.
type Response struct {
	Description string             `json:"description"`
	Content     map[string]Content `json:"content,omitempty"`
}

// Content is a body of one media type.
type Content struct {
	Schema *Schema `json:"schema"`
}

// Components are what operations refer to.
type Components struct {
	Schemas         map[string]*Schema           `json:"schemas"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

const (
	keyScheme    = "key"
	cookieScheme = "session"
)

// New describes those of the routes that have a Doc, in their order. cookie is the
// name of the cookie by which people are known.
func New(info Info, cookie string, routes []web.Route) *Document {
	d := &Document{OpenAPI: "3.1.0", Info: info, Paths: map[string]map[string]*Operation{}, Components: Components{
		SecuritySchemes: map[string]map[string]string{
			keyScheme:    {"type": "http", "scheme": "bearer", "description": "a machine's key, or an app's access token"},
			cookieScheme: {"type": "apiKey", "in": "cookie", "name": cookie, "description": "a signed-in person's session"},
		}}}
	s := newSchemas()
	s.answer(web.Problem{})
	told := slices.DeleteFunc(slices.Clone(routes), func(r web.Route) bool { return r.Doc.Says == "" })
	for _, r := range told {
		s.answer(r.Doc.Gives) // first: a type that is answered and taken keeps its name for the answer
	}
	for _, r := range told {
		path := pathOf(r.Path)
		if d.Paths[path] == nil {
			d.Paths[path] = map[string]*Operation{}
		}
		op := operation(r, s)
		if tag := (Tag{op.Tags[0]}); !slices.Contains(d.Tags, tag) {
			d.Tags = append(d.Tags, tag)
		}
		d.Paths[path][strings.ToLower(r.Method)] = op
	}
	slices.SortFunc(d.Tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	d.Components.Schemas = s.known
	return d
}

func operation(r web.Route, s *schemas) *Operation {
	op := &Operation{ID: idOf(r), Summary: r.Doc.Says, Tags: []string{parts(r.Path)[0]}, Right: r.Right, Responses: map[string]Response{
		"default": {Description: "what is wrong, and how to mend it", Content: map[string]Content{"application/problem+json": {&Schema{Ref: refTo("Problem")}}}},
	}}
	op.Security = []map[string][]string{{keyScheme: {}}, {cookieScheme: {}}}
	if r.Right == web.Public {
		op.Security = []map[string][]string{}
	}
	for _, p := range parts(r.Path) {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			op.Parameters = append(op.Parameters, Parameter{Name: name, In: "path", Required: true, Schema: &Schema{Type: "string"}})
		}
	}
	for _, q := range r.Doc.Query {
		op.Parameters = append(op.Parameters, queryParameter(q))
	}
	if r.Doc.Repeatable {
		op.Parameters = append(op.Parameters, Parameter{Name: "Idempotency-Key", In: "header", Schema: &Schema{Type: "string"},
			Description: "the same request with the same key is done once and answered alike, for 24 hours"})
	}
	if r.Doc.Takes != nil {
		op.RequestBody = &Body{Required: true, Content: s.take(r.Doc.Takes)}
	}
	for _, code := range []int{status(r.Doc), r.Doc.Also} {
		if code != 0 {
			op.Responses[strconv.Itoa(code)] = Response{Description: http.StatusText(code), Content: s.answer(r.Doc.Gives)}
		}
	}
	return op
}

func status(d web.Doc) int {
	switch {
	case d.Status != 0:
		return d.Status
	case d.Gives == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

// parts are a path's, without the version.
func parts(path string) []string {
	return strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "/v1"), "/"), "/")
}

// pathOf turns echo's form into OpenAPI's: /v1/apps/:app is /v1/apps/{app}.
func pathOf(path string) string {
	all := strings.Split(path, "/")
	for i, p := range all {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			all[i] = "{" + name + "}"
		}
	}
	return strings.Join(all, "/")
}

// idOf names an operation after its method and path: getNotificationsById.
func idOf(r web.Route) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(r.Method))
	for _, p := range parts(r.Path) {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			b.WriteString("By")
			p = name
		}
		for word := range strings.FieldsFuncSeq(p, func(c rune) bool { return c == '-' || c == '.' || c == '_' }) {
			b.WriteString(title(word))
		}
	}
	return b.String()
}

// known are the parameters that mean the same everywhere.
var known = map[string]Parameter{
	"cursor": {Description: "where the page before ended: its next", Schema: &Schema{Type: "string"}},
	"limit":  {Description: "how many items a page has", Schema: &Schema{Type: "integer", Minimum: new(1.0)}},
	"from":   {Description: "the first instant, RFC 3339", Schema: &Schema{Type: "string", Format: "date-time"}},
	"to":     {Description: "the instant after the last, RFC 3339", Schema: &Schema{Type: "string", Format: "date-time"}},
	"app":    {Description: "the name of an app; a key for one app needs none", Schema: &Schema{Type: "string"}},
}

func queryParameter(text string) Parameter {
	name, means, _ := strings.Cut(text, ": ")
	p := known[name]
	p.Name, p.In = name, "query"
	if means != "" {
		p.Description = means
	}
	if p.Schema == nil {
		p.Schema = &Schema{Type: "string"}
	}
	return p
}
