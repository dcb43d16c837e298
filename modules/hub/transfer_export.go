package hub

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

// exportPage is how many installations an export reads at once, each page on its own:
// a long export holds no snapshot open.
const exportPage = 5000

// export is a checked request for one.
type export struct {
	s      *Service
	sel    selection
	format string
	total  int64 // installations when it began
}

// newExport checks what is asked and counts it. Errors: fault.Invalid, fault.NotFound.
func (s *Service) newExport(ctx context.Context, sel Selection, format string) (*export, error) {
	if format != NDJSON && format != CSV {
		return nil, fault.BadField("hub.Export", "format", fmt.Sprintf("%q is unknown", clip(format)), `"ndjson" or "csv"`)
	}
	checked, err := s.resolve(ctx, sel)
	if err != nil {
		return nil, err
	}
	checked.whole = true
	total, err := s.countInstallations(ctx, checked)
	return &export{s: s, sel: checked, format: format, total: total}, err
}

// Export writes the installations of sel in a form that Import takes back. Registrations
// are no installations: those who made them export them (Registrations).
// Errors: fault.Invalid, fault.NotFound, w's.
func (s *Service) Export(ctx context.Context, sel Selection, format string, w io.Writer) error {
	e, err := s.newExport(ctx, sel, format)
	if err != nil {
		return err
	}
	return e.write(ctx, w)
}

func (e *export) write(ctx context.Context, w io.Writer) error {
	buf := bufio.NewWriterSize(w, maxLine)
	put, flush := jsonWriter(buf)
	if e.format == CSV {
		put, flush = csvWriter(buf)
	}
	for after := (&installationPlace{}); after != nil; {
		page, next, err := e.s.installations(ctx, e.sel, *after, exportPage)
		if err != nil {
			return err
		}
		for i := range page {
			if err := put(&page[i]); err != nil {
				return err
			}
		}
		after = next
	}
	return flush()
}

func jsonWriter(w *bufio.Writer) (put func(*Installation) error, flush func() error) {
	enc := json.NewEncoder(w)
	return func(in *Installation) error { return enc.Encode(in) }, w.Flush
}

func csvWriter(buf *bufio.Writer) (put func(*Installation) error, flush func() error) {
	w := csv.NewWriter(buf)
	header := w.Write(csvColumns)
	put = func(in *Installation) error {
		cells, err := csvOf(in)
		if err != nil {
			return err
		}
		for i := range cells {
			cells[i] = sheet.Guard(cells[i])
		}
		return w.Write(cells)
	}
	flush = func() error {
		if w.Flush(); header != nil || w.Error() != nil {
			return fault.E("hub.Export", fault.Transient, "the reader left", w.Error())
		}
		return buf.Flush()
	}
	return put, flush
}
