package analytics

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherhq/usher/modules/analytics/cloudevent"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// Event is something that happened elsewhere, on its way into the stream. Source
// and ID together name it: the same again within the day of Time is a duplicate.
type Event struct {
	Type   string          // one of schemas, or one that begins with "x."
	Source string          // who tells, such as "/shop" or "https://shop.example"
	ID     string          // unique within the source
	Key    string          // events of one key stay in order; "": Source
	Time   time.Time       // when it happened; zero: now
	Data   json.RawMessage // nil: null
}

// Result is what became of a list of events.
type Result struct {
	Accepted  int         `json:"accepted"`  // committed
	Duplicate int         `json:"duplicate"` // committed before
	Rejected  []Rejection `json:"rejected"`  // never nil
}

// Rejection is an event that was not taken.
type Rejection struct {
	Index  int           `json:"index"` // in the list, from 0
	ID     string        `json:"id,omitempty"`
	Errors []fault.Field `json:"errors"`

	typ, source string
	forbidden   bool // only for want of a right
}

const (
	maxID     = 512 // bytes; with the source it must fit an index
	maxSource = 512
	maxType   = 128
	maxKey    = 256

	maxAhead = 5 * time.Minute // of an event's clock before ours
)

// Ingest stores events, each once, and answers when they are committed. Those that
// are wrong are rejected, the others are not held up by them.
// Errors: fault.Limited when too much waits to be written, fault.Transient when ctx
// ends first or the database is away (it is safe to repeat).
func (s *Service) Ingest(ctx context.Context, events []Event) (Result, error) {
	size := int64(0)
	for i := range events {
		size += int64(len(events[i].Data)) + eventOverhead
	}
	held, err := s.door.admit(size)
	if err != nil {
		return Result{}, err
	}
	defer held.release()
	in := newAdmission(s, held, len(events))
	for i := range events {
		in.add(i, events[i], nil)
	}
	return in.commit(ctx)
}

// admission is one list of events: what is wrong with some, and the rest as facts.
type admission struct {
	s        *Service
	room     *room
	now      time.Time // arrival
	oldest   time.Time // retention drops what is older
	facts    []stream.Fact
	index    []int // of facts, in the list
	rejected []Rejection
}

func newAdmission(s *Service, held *room, n int) *admission {
	now := s.db.Now()
	return &admission{s: s, room: held, now: now, oldest: now.Add(-s.stream.Retention()), facts: make([]stream.Fact, 0, n), index: make([]int, 0, n), rejected: []Rejection{}}
}

// add takes the event at place i of the list, with what is known to be wrong with it.
func (in *admission) add(i int, e Event, wrong []fault.Field) {
	if wrong = append(wrong, in.check(&e)...); len(wrong) > 0 {
		in.reject(Rejection{Index: i, ID: cloudevent.Clip(e.ID), Errors: wrong, typ: e.Type, source: e.Source})
		return
	}
	f := stream.Fact{Type: e.Type, Key: e.Key, Source: e.Source, SourceID: e.ID, Time: e.Time.UTC().Truncate(time.Microsecond), Data: e.Data}
	if f.Key == "" {
		f.Key = e.Source
	}
	if f.Data == nil {
		f.Data = json.RawMessage("null")
	}
	in.facts, in.index = append(in.facts, f), append(in.index, i)
}

func (in *admission) reject(r Rejection) { in.rejected = append(in.rejected, r) }

// check tells what is wrong with an event.
func (in *admission) check(e *Event) (wrong []fault.Field) {
	bad := func(name, problem, fix string) {
		wrong = append(wrong, fault.Field{Name: name, Problem: problem, Fix: fix})
	}
	for _, a := range [...]struct {
		name, value string
		most        int
	}{{"id", e.ID, maxID}, {"source", e.Source, maxSource}, {"type", e.Type, maxType}} {
		if a.value == "" {
			bad(a.name, "is missing", "")
		} else if !plain(a.value, a.most) {
			bad(a.name, "is too long or no plain text", fmt.Sprintf("at most %d bytes", a.most))
		}
	}
	if !plain(e.Key, maxKey) {
		bad("partitionkey", "is too long or no plain text", fmt.Sprintf("at most %d bytes, as the subject and the source, which stand in for it", maxKey))
	}
	if e.Source == db.OwnSource {
		bad("source", "is Usher's own", "name your system")
	}
	if e.Time.After(in.now.Add(maxAhead)) {
		bad("time", "is "+e.Time.Sub(in.now).Round(time.Second).String()+" ahead", "set the sender's clock, or leave the time out")
	} else if !e.Time.IsZero() && e.Time.Before(in.oldest) {
		bad("time", "is older than what is kept", fmt.Sprintf("events are kept for %d days", int(in.s.stream.Retention().Hours()/24)))
	}
	if len(e.Data) > cloudevent.MaxData {
		bad("data", "is too large", fmt.Sprintf("at most %d KB", cloudevent.MaxData>>10))
		return wrong
	}
	if e.Type == "" {
		return wrong
	}
	fields, unknown := checkType(e.Type)
	if unknown != nil {
		return append(wrong, *unknown)
	}
	data := []byte(e.Data)
	if data == nil {
		data = []byte("null")
	}
	return append(wrong, checkData(fields, data)...)
}

// commit waits until the facts are written and tells what became of all.
func (in *admission) commit(ctx context.Context) (Result, error) {
	r := Result{Rejected: in.rejected}
	defer func() { in.s.meter.rejections(in.now, r.Rejected) }()
	if len(in.facts) == 0 {
		return r, nil
	}
	a := &arrival{room: in.room, ctx: ctx, facts: in.facts, fates: make([]fate, len(in.facts)), answer: make(chan error, 1)}
	if err := in.s.door.submit(ctx, a); err != nil {
		return Result{}, err
	}
	for i, f := range a.fates {
		switch {
		case f.refused != "":
			e := &in.facts[i]
			r.Rejected = append(r.Rejected, Rejection{Index: in.index[i], ID: cloudevent.Clip(e.SourceID), typ: e.Type, source: e.Source,
				Errors: []fault.Field{{Name: "data", Problem: f.refused}}})
		case f.fresh:
			r.Accepted++
		default:
			r.Duplicate++
		}
	}
	in.s.meter.taken(in.now, a)
	return r, nil
}

// plain tells whether s can stand in a text column and in an index.
func plain(s string, most int) bool {
	if len(s) > most {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return false
		}
	}
	return true
}
