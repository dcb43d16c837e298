package azure

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Intake is what a batch of an export's lines came to.
type Intake struct {
	Taken  int64   `json:"taken"`
	Faults []Fault `json:"faults"`
}

// Fault is why a line was not taken.
type Fault struct {
	Line   int64  `json:"line"`
	Reason string `json:"reason"`
}

// intake takes the lines of an export, the first of which has the number from: a
// registration as XML, or an installation as JSON. Registrations that stand for an
// installation become part of it. Taking the same lines again changes nothing.
func (s *Service) intake(ctx context.Context, app string, from int64, body []byte) (Intake, error) {
	in := Intake{Faults: []Fault{}}
	bad := func(no int64, err error) { in.Faults = append(in.Faults, Fault{no, reasonOf(err)}) }
	var rows []*hub.Registration
	var numbers []int64
	no := from - 1
	for text := range bytes.SplitSeq(body, []byte("\n")) {
		no++
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
		if len(text) == 0 {
			continue
		}
		r, err := s.takeLine(ctx, app, text)
		switch {
		case fault.Retryable(err):
			return in, err
		case err != nil:
			bad(no, err)
		case r == nil:
			in.Taken++
		default:
			rows, numbers = append(rows, r), append(numbers, no)
		}
	}
	done, err := s.hub.PutRegistrations(ctx, app, rows, hub.Upsert)
	for _, f := range done.Refused {
		bad(numbers[f.Index], f.Err)
	}
	in.Taken += int64(len(rows) - len(done.Refused))
	slices.SortFunc(in.Faults, func(a, b Fault) int { return int(a.Line - b.Line) })
	return in, err
}

// takeLine takes an installation at once; a registration it gives back, to be taken
// with others.
func (s *Service) takeLine(ctx context.Context, app string, text []byte) (*hub.Registration, error) {
	if text[0] == '{' {
		in, err := readInstallation(text)
		if err != nil {
			return nil, err
		}
		to, err := in.stored(app)
		if err != nil {
			return nil, err
		}
		return nil, s.put(ctx, to)
	}
	r, err := readDescription(text)
	if err != nil {
		return nil, err
	}
	if r.From != "" {
		return nil, s.join(ctx, app, r)
	}
	if r.ID == "" {
		// The same line gets the same id when it comes again.
		r.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, app, "\n", string(text))).String()
	}
	return &r.Registration, nil
}

// join makes an exported registration part of the installation it came from.
func (s *Service) join(ctx context.Context, app string, r registration) error {
	to, err := s.find(ctx, app, r.From)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil {
		to = stored{}
	}
	to.App, to.ID, to.Kind, to.Handle, to.P256dh, to.Auth = app, r.From, r.Kind, r.Handle, r.P256dh, r.Auth
	to.said.Form, to.said.Handle = r.said.Form, r.said.Handle
	if r.User != "" {
		to.User = r.User
	}
	for _, t := range r.Tags {
		if !slices.ContainsFunc(to.Tags, func(have string) bool { return strings.EqualFold(have, t) }) {
			to.Tags, to.said.Tags = append(to.Tags, t), append(to.said.Tags, t)
		}
	}
	if r.Template != nil {
		short := hubName(r.TemplateName)
		for n := 2; r.TemplateName == "" && to.Templates[short].Body != "" && to.Templates[short].Body != r.Template.Body; n++ {
			short = "default-" + strconv.Itoa(n)
		}
		b := r.said.Templates[r.TemplateName]
		if short != r.TemplateName {
			b.Name = r.TemplateName
		}
		if to.Templates == nil {
			to.Templates = map[string]hub.Template{}
		}
		if to.said.Templates == nil {
			to.said.Templates = map[string]saidBody{}
		}
		to.Templates[short], to.said.Templates[short] = *r.Template, b
	}
	return s.put(ctx, to)
}
