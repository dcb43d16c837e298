package analytics

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/cloudevent"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

const (
	ingestLimit  = 1 << 20 // bytes a request
	ingestEvents = 1000    // events a request
)

// ingestRoutes need Listen, and some types of events more: see rightFor.
func (s *Service) ingestRoutes() []web.Route {
	return []web.Route{{Method: "POST", Path: "/v1/events", Right: web.Listen, Handler: s.postEvents, Limit: ingestLimit,
		Doc: web.Doc{Says: "Takes CloudEvents: one, a batch, or one in binary mode.", Takes: web.Media("application/cloudevents+json, application/cloudevents-batch+json, application/json"), Gives: Result{}, Status: 202}}}
}

// bodies are used again: a request's facts share the memory of its body.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// postEvents takes CloudEvents in any of their forms. An event names itself by
// source and id, so a request may be repeated without an Idempotency-Key.
func (s *Service) postEvents(c echo.Context) error {
	req := c.Request()
	size := req.ContentLength
	if size < 0 {
		size = ingestLimit
	}
	held, err := s.door.admit(size)
	if err != nil {
		return err
	}
	defer held.release()
	body := bodies.Get().(*bytes.Buffer)
	body.Reset()
	if _, err := io.Copy(body, req.Body); err != nil {
		return fault.E("analytics.postEvents", bodyFault(err), "the body is larger than 1 MB or ended before it was complete", err).
			WithFix("send at most 1,000 events and 1 MB at once")
	}
	all, err := decodeEvents(req, body.Bytes())
	if err != nil {
		return err
	}
	in := newAdmission(s, held, len(all))
	may := rights{c: c, held: map[web.Right]error{web.Listen: nil}}
	for i := range all {
		may.take(in, i, &all[i])
	}
	result, err := in.commit(req.Context())
	if err == nil {
		bodies.Put(body) // otherwise a writer may still read it
	}
	if err != nil {
		return err
	}
	return answerEvents(c, result, len(all))
}

// bodyFault is the class of a failure to read a body.
func bodyFault(err error) fault.Code {
	if web.Status(err) == http.StatusRequestEntityTooLarge {
		return fault.TooLarge
	}
	return fault.Invalid
}

// decodeEvents reads a request by its media type. Errors: fault.Invalid when it is
// in none of the forms, or the whole body cannot be read.
func decodeEvents(req *http.Request, body []byte) ([]cloudevent.Decoded, error) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/cloudevents+json":
		return []cloudevent.Decoded{cloudevent.Structured(body)}, nil
	case err == nil && kind == "application/cloudevents-batch+json":
		return cloudevent.Batch(body, ingestEvents)
	case err == nil && kind == "application/x-ndjson":
		return cloudevent.Lines(body, ingestEvents)
	case err == nil && strings.HasPrefix(kind, "application/cloudevents"):
		return nil, fault.BadField("analytics.postEvents", "Content-Type", "is an event format that Usher does not read", "application/cloudevents+json or application/cloudevents-batch+json")
	case req.Header.Get("ce-specversion") != "":
		return []cloudevent.Decoded{cloudevent.Binary(req.Header.Get, body)}, nil
	}
	return nil, fault.BadField("analytics.postEvents", "Content-Type", "is not one of CloudEvents",
		"application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, or the headers ce-specversion, ce-id, ce-source and ce-type")
}

// rights asks the guard once for each right that the events of a request need.
type rights struct {
	c    echo.Context
	held map[web.Right]error
}

func (r *rights) take(in *admission, i int, d *cloudevent.Decoded) {
	need := rightFor(d.Type)
	if _, asked := r.held[need]; !asked {
		r.held[need] = web.Require(r.c, need)
	}
	if len(d.Faults) == 0 && r.held[need] != nil {
		in.reject(Rejection{Index: i, ID: cloudevent.Clip(d.ID), typ: d.Type, source: d.Source, forbidden: true, Errors: []fault.Field{{
			Name: "type", Problem: fmt.Sprintf("%s needs the right %s", cloudevent.Clip(d.Type), need), Fix: "use a key that holds it"}}})
		return
	}
	in.add(i, Event{Type: d.Type, Source: d.Source, ID: d.ID, Key: d.Key(), Time: d.Time, Data: d.Data}, d.Faults)
}

// noneTaken is the answer when not one event was taken: a problem as every other,
// with the list that a request with some good events gets.
type noneTaken struct {
	web.Problem
	Result
}

// answerEvents answers 202 when something was taken (or had been before), and
// otherwise 400, or 403 when only rights were missing: clients of CloudEvents take
// any 2xx as delivered, and would never repeat or report a single event.
func answerEvents(c echo.Context, r Result, n int) error {
	if n == 0 || len(r.Rejected) < n {
		return c.JSON(http.StatusAccepted, r)
	}
	code := fault.Forbidden
	for _, e := range r.Rejected {
		if !e.forbidden {
			code = fault.Invalid
		}
	}
	first := r.Rejected[0].Errors[0]
	err := fault.E("analytics.postEvents", code, fmt.Sprintf("none of %d events was taken; the first: %s %s", n, first.Name, first.Problem), nil).WithFix(first.Fix)
	c.Response().Header().Set("Content-Type", "application/problem+json")
	p := web.ProblemOf(err, web.RequestID(c.Request().Context()))
	c.Response().WriteHeader(p.Status)
	return c.Echo().JSONSerializer.Serialize(c, noneTaken{p, r}, "")
}
