// Package cloudevent reads CloudEvents 1.0 from HTTP requests: structured, batched,
// binary, and one event a line.
//
// A request is scanned once, without building a tree of it: an event's data stays
// the text that came, checked to be JSON that PostgreSQL can store.
//
// Sources: CloudEvents 1.0.2, its JSON event format and its HTTP protocol binding.
package cloudevent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// MaxData is the most bytes of one event's data. An intermediary has to take events
// of 64 KB, and nobody may count on more.
const MaxData = 64 << 10

// leastEvent is about what a small event takes, in bytes.
const leastEvent = 256

// Event is what is kept of a CloudEvent.
type Event struct {
	ID, Source, Type      string
	Subject, PartitionKey string    // "" when it has none
	Time                  time.Time // zero when it has none
	Data                  []byte    // JSON; nil when it has none. It shares the request's memory
}

// Key orders events: the extension partitionkey, else the subject, else the source.
func (e Event) Key() string {
	switch {
	case e.PartitionKey != "":
		return e.PartitionKey
	case e.Subject != "":
		return e.Subject
	}
	return e.Source
}

// Decoded is one event of a request, or what is wrong with it.
type Decoded struct {
	Event
	Faults []fault.Field
}

func (d *Decoded) bad(field, problem, fix string) {
	d.Faults = append(d.Faults, fault.Field{Name: field, Problem: problem, Fix: fix})
}

// envelope is an event while it is read.
type envelope struct {
	Decoded
	version, contentType string
	encoded              []byte // data_base64
}

// Structured reads one event in the JSON format.
func Structured(body []byte) Decoded {
	s := scanner{b: body}
	d, err := s.event(0)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		wrong := notAnEvent("is not valid JSON: "+err.Error(), "")
		wrong.ID = d.ID
		return wrong
	}
	return d
}

// event steps over one event. Errors: *SyntaxError; the event is only begun then.
func (s *scanner) event(depth int) (Decoded, error) {
	if s.next() != '{' {
		_, err := s.value(depth)
		return notAnEvent("is no JSON object", "send one CloudEvent in the JSON format"), err
	}
	var e envelope
	err := s.object(depth, func(name, value []byte) error { e.member(bare(name), value); return nil })
	if err == nil {
		e.finish()
	}
	return e.Decoded, err
}

func notAnEvent(problem, fix string) (d Decoded) { d.bad("event", problem, fix); return d }

// Batch reads an array of events in the JSON format. Events beyond most are an
// error, as is a body that is no array of JSON. Errors: fault.Invalid, fault.TooLarge.
func Batch(body []byte, most int) ([]Decoded, error) {
	const op = "cloudevent.Batch"
	s := scanner{b: body}
	if s.next() != '[' {
		return nil, fault.E(op, fault.Invalid, "the body is no JSON array", nil).WithFix("send an array of CloudEvents, or one as application/cloudevents+json")
	}
	all := make([]Decoded, 0, min(most, len(body)/leastEvent+1))
	err := s.array(func() error {
		if len(all) == most {
			return tooMany(op, most)
		}
		d, err := s.event(1)
		all = append(all, d)
		return err
	})
	if err == nil {
		err = s.end()
	}
	if wrong, ok := errors.AsType[*SyntaxError](err); ok {
		return nil, fault.E(op, fault.Invalid, "the body is not valid JSON: "+wrong.Error(), err)
	}
	return all, err
}

func tooMany(op string, most int) error {
	return fault.E(op, fault.TooLarge, fmt.Sprintf("a request holds at most %d events", most), nil).WithFix("send them in several requests")
}

// Lines reads one event in the JSON format from each line that is not empty. A line
// that is not JSON is that event's fault alone. Errors: fault.TooLarge.
func Lines(body []byte, most int) ([]Decoded, error) {
	var all []Decoded
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(all) == most {
			return nil, tooMany("cloudevent.Lines", most)
		}
		all = append(all, Structured(line))
	}
	return all, nil
}

// Binary reads an event whose attributes are headers (header gives one by its
// name, "" for none) and whose data is the body.
func Binary(header func(name string) string, body []byte) Decoded {
	var e envelope
	for _, name := range attributes[:len(attributes)-1] {
		if v := header("ce-" + name); v != "" {
			// What is no percent-encoding stands for itself.
			if plain, err := url.PathUnescape(v); err == nil {
				v = plain
			}
			e.attribute(name, v)
		}
	}
	e.contentType = header("Content-Type")
	if len(body) > 0 {
		e.payload(body)
	}
	e.finish()
	return e.Decoded
}

// attributes are those that are kept.
var attributes = []string{"specversion", "id", "source", "type", "subject", "partitionkey", "time", "datacontenttype"}

// member takes one member of the JSON format.
func (e *envelope) member(name, value []byte) {
	switch string(name) {
	case "data":
		if string(value) != "null" {
			e.Data = value
		}
		return
	case "data_base64":
		e.encoded = value
		return
	}
	if string(value) == "null" {
		return
	}
	for _, attribute := range attributes { // others are extensions we have no use for
		if string(name) != attribute {
			continue
		}
		if text, ok := Text(value); ok {
			e.attribute(attribute, text)
		} else {
			e.bad(attribute, "must be text", "")
		}
	}
}

func (e *envelope) attribute(name, value string) {
	switch name {
	case "specversion":
		e.version = value
	case "id":
		e.ID = value
	case "source":
		e.Source = value
	case "type":
		e.Type = value
	case "subject":
		e.Subject = value
	case "partitionkey":
		e.PartitionKey = value
	case "datacontenttype":
		e.contentType = value
	case "time":
		t, err := time.Parse(time.RFC3339Nano, value)
		if err != nil || t.IsZero() {
			e.bad("time", "is not an instant of RFC 3339", "such as 2026-07-10T20:15:00Z")
		}
		e.Time = t
	}
}

// payload takes data that is not in the JSON format: a body, or what base64 hid.
func (e *envelope) payload(data []byte) {
	kind, _, err := mime.ParseMediaType(e.contentType)
	switch {
	case e.contentType == "" || err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")):
		if err := Check(data); err != nil {
			e.bad("data", "is not valid JSON: "+err.Error(), "")
			return
		}
		e.Data = bytes.TrimSpace(data)
	case err == nil && strings.HasPrefix(kind, "text/"):
		text, _ := json.Marshal(strings.ReplaceAll(strings.ToValidUTF8(string(data), "\uFFFD"), "\x00", "\uFFFD"))
		e.Data = text
	default:
		e.bad("datacontenttype", "is neither JSON nor text", "send the data as application/json")
	}
}

// finish checks the event as a whole.
func (e *envelope) finish() {
	if e.encoded != nil && e.Data != nil {
		e.bad("data_base64", "stands beside data", "send one of them")
	} else if e.encoded != nil {
		text, ok := Text(e.encoded)
		raw, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			e.bad("data_base64", "is not base64", "")
		} else {
			e.payload(raw)
		}
	}
	if e.version != "1.0" {
		e.bad("specversion", fmt.Sprintf("is %q", Clip(e.version)), "1.0")
	}
}

// Text is the meaning of a JSON string; ok is false for any other value.
func Text(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	err := json.Unmarshal(value, &s)
	return s, err == nil
}

// Check tells whether data is one JSON value that PostgreSQL can store. The error
// is a *SyntaxError.
func Check(data []byte) error {
	s := scanner{b: data}
	if _, err := s.value(0); err != nil {
		return err
	}
	return s.end()
}

// bare is a JSON string's meaning, without a copy where it can be.
func bare(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := Text(quoted)
	return []byte(text)
}

// Members calls member for each name and value of a JSON object, in its order.
// Errors: *SyntaxError, also for a value of another kind.
func Members(data []byte, member func(name, value []byte)) error {
	s := scanner{b: data}
	if s.next() != '{' {
		return s.bad("a JSON object is expected")
	}
	err := s.object(0, func(name, value []byte) error { member(bare(name), value); return nil })
	if err != nil {
		return err
	}
	return s.end()
}

// Clip shortens what a stranger wrote, to be repeated in an answer.
func Clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
