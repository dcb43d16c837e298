package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Formats of an import or export.
const (
	NDJSON = "ndjson" // an installation as JSON on each line
	CSV    = "csv"    // RFC 4180, with a header line
)

const (
	importBatch  = 5000            // installations a transaction
	importFaults = 100             // faults that are kept
	importMany   = 2 * importBatch // installations after which PostgreSQL should look at the table again
)

// States of a transfer.
const (
	transferRunning     = "running"
	transferDone        = "done"
	transferInterrupted = "interrupted" // what was accepted stays; importing the same again is safe
)

// Transfer is an import and how far it is.
type Transfer struct {
	ID         id.ID       `json:"id"`
	App        string      `json:"app"`
	Format     string      `json:"format"`
	State      string      `json:"state"`
	TotalBytes int64       `json:"total_bytes,omitempty"` // 0: not known
	ReadBytes  int64       `json:"read_bytes"`
	Accepted   int64       `json:"accepted"`  // installations made or changed
	Unchanged  int64       `json:"unchanged"` // the hub had them so already
	Rejected   int64       `json:"rejected"`  // lines that were not taken
	Faults     []LineFault `json:"faults,omitempty"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

// LineFault is one thing wrong with one line, counted from 1. At most the first
// hundred are kept.
type LineFault struct {
	Line int64 `json:"line"`
	fault.Field
}

// Import reads installations from r and puts them into an app, a transaction for
// at most 5,000. Lines that are not sound are counted and explained, and never stop the
// rest. size is the length of r in bytes, 0 if unknown; progress, if not nil, hears
// of each transaction.
//
// An import does not confirm handles and keeps the status a line states. Errors:
// fault.NotFound, fault.Invalid (no such format, a header that cannot be read); when r
// or the database fails, the transfer so far, interrupted, and the error.
func (s *Service) Import(ctx context.Context, app, format string, r io.Reader, size int64, progress func(Transfer)) (Transfer, error) {
	return s.importAs(ctx, id.New(), app, format, r, size, progress)
}

func (s *Service) importAs(ctx context.Context, name id.ID, app, format string, r io.Reader, size int64, progress func(Transfer)) (Transfer, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return Transfer{}, err
	}
	lines, err := newLines(format, r)
	if err != nil {
		return Transfer{}, err
	}
	now := s.db.Now()
	im := &importing{s: s, lines: lines, progress: progress, t: Transfer{ID: name, App: app, Format: format, State: transferRunning,
		TotalBytes: max(size, 0), CreatedAt: now, UpdatedAt: now}}
	if err := s.insertTransfer(ctx, im.t); err != nil {
		return Transfer{}, err
	}
	err = im.run(ctx)
	im.t.State = transferDone
	if err != nil {
		im.t.State = transferInterrupted
	}
	if err == nil && im.t.Accepted >= importMany {
		s.vacuumInstallations(ctx)
	}
	// The caller may have left, but the state must be told.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), inletTime)
	defer cancel()
	return im.t, errors.Join(err, s.updateTransfer(closing, &im.t))
}

// importing is one import under way.
type importing struct {
	s        *Service
	lines    lineReader
	t        Transfer
	progress func(Transfer)
}

// parsed is what reading found in one batch of lines.
type parsed struct {
	rows      []*numbered
	rejected  int64
	faults    []LineFault
	readBytes int64
	err       error // the input failed after these
}

// numbered is an installation and the line it stands on.
type numbered struct {
	in   *Installation
	line int64
}

// run parses the next batch while the last one is written.
func (im *importing) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan parsed)
	go func() {
		defer close(batches)
		for more := true; more; {
			var p parsed
			p, more = im.read()
			select {
			case batches <- p:
			case <-ctx.Done():
				return
			}
		}
	}()
	for p := range batches {
		if err := im.take(ctx, p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// read parses lines until a batch is full; more is false at the end.
func (im *importing) read() (p parsed, more bool) {
	for len(p.rows) < importBatch && p.rejected < importBatch {
		in, line, err := im.lines.next()
		if in == nil && err == io.EOF {
			p.readBytes = im.lines.bytes()
			return p, false
		}
		if in == nil && !fault.Is(err, fault.Invalid) {
			p.err = fault.E("hub.Import", fault.Transient, "the input ended before it was complete", err)
			return p, false
		}
		if err == nil {
			err = im.check(in)
		}
		if err == nil {
			p.rows = append(p.rows, &numbered{in, line})
			continue
		}
		p.reject(line, err)
	}
	p.readBytes = im.lines.bytes()
	return p, true
}

func (p *parsed) reject(line int64, err error) {
	p.rejected++
	p.faults = lineFaults(p.faults, line, err)
}

func (t *Transfer) reject(line int64, err error) {
	t.Rejected++
	t.Faults = lineFaults(t.Faults, line, err)
}

// lineFaults adds what err says of a line, up to importFaults.
func lineFaults(list []LineFault, line int64, err error) []LineFault {
	for _, f := range fieldsOf(err, "") {
		if len(list) < importFaults {
			list = append(list, LineFault{line, f})
		}
	}
	return list
}

func (im *importing) check(in *Installation) error {
	if in.App != "" && in.App != im.t.App {
		return fault.BadField("hub.Import", "app", fmt.Sprintf("is %q, this import is for %q", clip(in.App), im.t.App), "leave it out, or import it there")
	}
	in.App = im.t.App
	if err := in.validate(im.s.inlet.knownZone); err != nil {
		return err
	}
	switch in.Status {
	case "":
		in.Status = StatusActive
	case StatusActive, StatusRetired, StatusQuarantined:
	default:
		return fault.BadField("hub.Import", "status", fmt.Sprintf("%q is unknown", clip(in.Status)), `"active", "retired" or "quarantined"`)
	}
	if len(in.StatusReason) > 200 {
		return fault.BadField("hub.Import", "status_reason", "is too long", "at most 200 bytes")
	}
	return nil
}

// take writes a batch and moves the figures on.
func (im *importing) take(ctx context.Context, p parsed) error {
	im.t.Rejected += p.rejected
	im.t.Faults = append(im.t.Faults, p.faults[:min(len(p.faults), importFaults-len(im.t.Faults))]...)
	im.t.ReadBytes = max(im.t.ReadBytes, p.readBytes)
	for round, rest := distinct(p.rows, (*numbered).installation); len(round) > 0; round, rest = distinct(rest, (*numbered).installation) {
		if err := im.write(ctx, round); err != nil {
			return err
		}
	}
	if err := im.s.updateTransfer(ctx, &im.t); err != nil {
		return err
	}
	if im.progress != nil {
		im.progress(im.t)
	}
	return p.err
}

// write commits a round, which holds no id or handle twice, in one transaction. What the
// database refuses is halved until the row at fault stands alone and can be rejected.
func (im *importing) write(ctx context.Context, part []*numbered) error {
	rows := make([]*Installation, len(part))
	for i, n := range part {
		rows[i] = n.in
	}
	puts, err := im.s.putAll(ctx, rows, false)
	switch {
	case err == nil:
		for _, p := range puts {
			if p.Result == Unchanged {
				im.t.Unchanged++
			} else {
				im.t.Accepted++
			}
		}
		return nil
	case fault.Is(err, fault.Transient) || fault.Is(err, fault.NotFound):
		return err
	case len(part) == 1:
		im.t.reject(part[0].line, err)
		return nil
	}
	if err := im.write(ctx, part[:len(part)/2]); err != nil {
		return err
	}
	return im.write(ctx, part[len(part)/2:])
}

func (n *numbered) installation() *Installation { return n.in }

// Transfer finds one import. Errors: fault.NotFound.
func (s *Service) Transfer(ctx context.Context, name id.ID) (Transfer, error) {
	return s.findTransfer(ctx, name)
}

// Transfers lists the latest imports of an app, newest first.
func (s *Service) Transfers(ctx context.Context, app string) ([]Transfer, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return nil, err
	}
	return s.listTransfers(ctx, app)
}
