package web

import "strings"

// Doc describes a JSON route to those who call it: kernel/openapi makes the document
// of the API from it. It stands beside the route, and a test compares it with what the
// handler does (app/apidoc_source_test.go).
type Doc struct {
	Says  string // one sentence, such as "Sends a notification to a tag expression."
	Takes any    // the zero value of what the body holds, or a Media; nil: no body
	Gives any    // the zero value of what is answered, or a Media; nil: nothing, 204
	// Status is that of success; 0: 200, or 204 when Gives is nil.
	Status int
	Also   int // another status of success, with the same answer: 201 of a PUT that made something; 0: none
	// Repeatable says that an Idempotency-Key is honoured: the same request again is answered, not done, again.
	Repeatable bool
	// Query names the parameters that stand behind the "?", each as "name" or "name: what it means".
	Query []string
}

// parameters are the names of Query.
func (d *Doc) parameters() []string {
	names := make([]string, len(d.Query))
	for i, q := range d.Query {
		names[i], _, _ = strings.Cut(q, ": ")
	}
	return names
}

// Media is the form of a body that is not JSON, such as "text/csv". Several are
// separated by commas.
type Media string

// Bodies that are not JSON.
const (
	CSV    Media = "text/csv"
	NDJSON Media = "application/x-ndjson"
	Live   Media = "text/event-stream" // what Stream answers
)

// OneOf holds the zero values of the bodies a route takes, one of which each request has.
type OneOf []any
