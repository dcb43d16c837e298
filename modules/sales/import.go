package sales

import (
	"context"
	"errors"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Imported says what an import has made, or would make.
type Imported struct {
	DryRun     bool        `json:"dry_run,omitempty"`
	Events     int         `json:"events"`
	Categories int         `json:"categories"`
	Errors     []LineError `json:"-"` // the API answers them as a problem
}

// LineError is what is wrong with one line of a file, counted from 1.
type LineError struct {
	Line    int    `json:"line"`
	Field   string `json:"field,omitempty"`
	Problem string `json:"problem"`
	Fix     string `json:"fix,omitempty"`
}

// fault is the file's faults as one; nil when it has none.
func (i *Imported) fault() *fault.Error {
	if len(i.Errors) == 0 {
		return nil
	}
	f := fault.E("sales.Import", fault.Invalid, "the file has faults, and nothing of it was kept", nil).WithFix("mend the lines in errors and send the whole file again")
	for _, e := range i.Errors {
		f.Fields = append(f.Fields, fault.Field{Name: e.Field, Problem: e.Problem, Fix: e.Fix, Line: e.Line})
	}
	return f
}

// maxLineErrors bounds what one answer tells: a file with the wrong separator has
// a fault in every line.
const maxLineErrors = 200

// errDry undoes a dry run.
var errDry = errors.New("a dry run is not kept")

// Import makes drafts out of a CSV file: one line a category, the lines of one slug
// an event. It makes all of them, or none when any line is wrong; dry never keeps
// anything. Every fault is told with its line. Errors: fault.Invalid for a file that
// has no lines or columns we know.
func (s *Service) Import(ctx context.Context, file []byte, actor string, dry bool) (Imported, error) {
	drafts, wrong, err := readCatalogue(file)
	if err != nil {
		return Imported{}, err
	}
	out := Imported{DryRun: dry, Events: len(drafts), Errors: wrong}
	for _, d := range drafts {
		out.Categories += len(d.categories)
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, d := range drafts {
			faults, err := s.importDraft(tx, d, actor)
			if err != nil {
				return err
			}
			out.Errors = append(out.Errors, faults...)
		}
		if dry || len(out.Errors) > 0 {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return Imported{}, err
	}
	out.sort()
	return out, nil
}

// importDraft makes one event; faults of the input are returned by line. A failed
// statement would end the transaction, so what the database would refuse is asked first.
func (s *Service) importDraft(tx *db.Tx, d draftEvent, actor string) (faults []LineError, err error) {
	taken, err := slugExists(tx, d.event.Slug)
	if err != nil {
		return nil, err
	}
	if taken {
		return []LineError{{Line: d.first.line, Field: "slug", Problem: fmt.Sprintf("an event %s exists already", d.event.Slug), Fix: "another slug, or leave these lines out"}}, nil
	}
	e, err := s.CreateEvent(tx, d.event)
	if err != nil {
		return lineErrors(d.first.line, err)
	}
	for _, c := range d.categories {
		c.Event = e.ID
		_, err := s.AddCategory(tx, c.Category, actor, nil)
		wrong, err := lineErrors(c.line, err)
		if err != nil {
			return nil, err
		}
		faults = append(faults, wrong...)
	}
	return faults, nil
}

// lineErrors turns a fault of the input into those of a line; others stay errors.
func lineErrors(line int, err error) ([]LineError, error) {
	if err == nil || !fault.Is(err, fault.Invalid) {
		return nil, err
	}
	var out []LineError
	for _, f := range fieldsOfFault(err) {
		out = append(out, LineError{line, f.Name, f.Problem, f.Fix})
	}
	return out, nil
}
