package app

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/openapi"
	"github.com/usherhq/usher/modules/kernel/web"
)

// apiDocument describes every JSON route that has a Doc.
func apiDocument(site Site) *openapi.Document {
	return openapi.New(openapi.Info{Title: "Usher", Version: "1", Description: apiSays}, site.Door.SessionCookie(), site.Routes)
}

const apiSays = "Tickets, notifications, places, forecasts and prices of one promoter.\n\n" +
	"Machines show a key (Authorization: Bearer usher_…), apps an access token, people their session. " +
	"Each operation names the right it needs in x-right; docs/rights.md says who holds which.\n\n" +
	"Errors are application/problem+json with a stable code, the field at fault and the fix. " +
	"Lists come in pages: next is the cursor of the page after. " +
	"What has an ETag can be asked for with If-None-Match, and changed with If-Match. " +
	"Answers of limited routes carry RateLimit headers."

// apiRoutes serve the document to tools, and to people as a page.
func apiRoutes(d *openapi.Document) (document, page web.Route) {
	groups := apiGroups(d)
	document = web.Route{Method: http.MethodGet, Path: "/openapi.json", Right: web.Public,
		Handler: func(c echo.Context) error { return web.Fresh(c, d) }}
	page = web.Route{Method: http.MethodGet, Path: "/docs/api", Right: web.Public,
		Handler: func(c echo.Context) error {
			return c.Render(http.StatusOK, "app/api", map[string]any{"Info": d.Info, "Groups": groups, "Schemas": apiSchemas(d)})
		}}
	return document, page
}

// apiGroup is what the page shows under one heading.
type apiGroup struct {
	Name       string
	Operations []apiOperation
}

type apiOperation struct {
	*openapi.Operation
	Method, Path string
	Takes, Gives []apiBody
	Status       string
}

// apiBody is a body's media type and the name of what it holds, Ref a heading of the page.
type apiBody struct{ Media, Shows, Ref string }

func apiGroups(d *openapi.Document) []apiGroup {
	by := map[string][]apiOperation{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			o := apiOperation{Operation: op, Method: strings.ToUpper(method), Path: path}
			if op.RequestBody != nil {
				o.Takes = bodies(op.RequestBody.Content)
			}
			for status, r := range op.Responses {
				if status != "default" {
					o.Status, o.Gives = status, bodies(r.Content)
				}
			}
			by[op.Tags[0]] = append(by[op.Tags[0]], o)
		}
	}
	var all []apiGroup
	for _, tag := range d.Tags {
		slices.SortFunc(by[tag.Name], func(a, b apiOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
		})
		all = append(all, apiGroup{tag.Name, by[tag.Name]})
	}
	return all
}

func bodies(content map[string]openapi.Content) []apiBody {
	var all []apiBody
	for media, c := range content {
		shows, ref := c.Schema.Words()
		all = append(all, apiBody{media, shows, ref})
	}
	slices.SortFunc(all, func(a, b apiBody) int { return strings.Compare(a.Media, b.Media) })
	return all
}

// apiType is a component as the page shows it.
type apiType struct {
	Name   string
	Fields []apiField
}

type apiField struct {
	Name, Shows, Ref, Rules string
	Required                bool
}

func apiSchemas(d *openapi.Document) []apiType {
	var all []apiType
	for name, s := range d.Components.Schemas {
		t := apiType{Name: name}
		for field, f := range s.Properties {
			shows, ref := f.Words()
			t.Fields = append(t.Fields, apiField{field, shows, ref, f.Rules(), slices.Contains(s.Required, field)})
		}
		slices.SortFunc(t.Fields, func(a, b apiField) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b apiType) int { return strings.Compare(a.Name, b.Name) })
	return all
}
