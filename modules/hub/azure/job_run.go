package azure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// jobBatch is how many registrations are read or written at once.
const jobBatch = 1000

// runJob does a job from its beginning. It is safe to run twice: an import makes the
// same registrations again, an export writes the same blob anew. What is wrong with
// the job itself ends it; what may pass is for the queue to repeat.
func (s *Service) runJob(ctx context.Context, name id.ID) error {
	j, err := s.findJob(ctx, "", name)
	if fault.Is(err, fault.NotFound) || err == nil && (j.State == jobCompleted || j.State == jobFailed) {
		return nil
	}
	if err != nil {
		return err
	}
	j.State, j.Progress, j.Done, j.Failed = jobRunning, 0, 0, 0
	if err := s.keepJob(ctx, &j); err != nil {
		return err
	}
	if j.Type == jobExport {
		err = s.runExport(ctx, &j)
	} else {
		err = s.runImport(ctx, &j)
	}
	switch {
	case err == nil:
		j.State, j.Progress = jobCompleted, 100
	case fault.Retryable(err):
		return err
	default:
		j.State, j.Failure = jobFailed, fault.Message(err)
	}
	return s.keepJob(ctx, &j)
}

// spool makes a file that is gone once it is closed.
func spool() (*os.File, error) {
	f, err := os.CreateTemp("", "usher-azure-*")
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		return nil, fault.E(opJob, fault.Internal, "cannot make a temporary file", err)
	}
	return f, nil
}

// runExport writes every registration as a line, then the blob.
func (s *Service) runExport(ctx context.Context, j *job) error {
	total, err := s.countRegistrations(ctx, j.App)
	if err != nil {
		return err
	}
	f, err := spool()
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for after, more := "", true; more; more = after != "" {
		page, next, err := s.hub.Registrations(ctx, hub.RegistrationQuery{App: j.App, After: after, Limit: jobBatch})
		if err != nil {
			return err
		}
		for _, r := range page {
			if _, err := w.WriteString(line(r) + "\n"); err != nil {
				return fault.E(opJob, fault.Internal, "cannot write a temporary file", err)
			}
		}
		after = next
		j.Done += int64(len(page))
		j.Progress = 99 * float64(j.Done) / float64(max(total, j.Done, 1))
		if err := s.keepJob(ctx, j); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return fault.E(opJob, fault.Internal, "cannot write a temporary file", err)
	}
	return s.store(ctx, j.Output, j.path(outputFile), f)
}

// line is a registration as exports have it: the description alone, in one line.
func line(r hub.Registration) string {
	p := platformOf(r.Kind, readSaid(r.Extra).Form)
	if p == nil {
		return ""
	}
	var d document
	writeDescription(&d, r, p)
	return strings.NewReplacer("\r", "&#xD;", "\n", "&#xA;").Replace(d.String())
}

// importing is one import under way.
type importing struct {
	s              *Service
	j              *job
	output, failed *bufio.Writer
	rows           []*hub.Registration
	lines          []numberedLine
}

// numberedLine is a line of an import, to be told of when it fails.
type numberedLine struct {
	no   int64
	text string
}

// runImport takes the blob line by line, then writes what came of them.
func (s *Service) runImport(ctx context.Context, j *job) error {
	body, size, err := s.fetch(ctx, j.Input)
	if err != nil {
		return err
	}
	defer body.Close()
	output, err := spool()
	if err != nil {
		return err
	}
	defer output.Close()
	failed, err := spool()
	if err != nil {
		return err
	}
	defer failed.Close()
	im := &importing{s: s, j: j, output: bufio.NewWriter(output), failed: bufio.NewWriter(failed)}
	if err := im.read(ctx, body, size); err != nil {
		return err
	}
	if err := errors.Join(im.output.Flush(), im.failed.Flush()); err != nil {
		return fault.E(opJob, fault.Internal, "cannot write a temporary file", err)
	}
	if err := s.store(ctx, j.Output, j.path(outputFile), output); err != nil {
		return err
	}
	return s.store(ctx, j.Output, j.path(failedFile), failed)
}

// read goes through the lines. The last batch is taken at the end.
func (im *importing) read(ctx context.Context, body io.Reader, size int64) error {
	in := bufio.NewReaderSize(body, maxDescription)
	var at, no int64
	for {
		text, err := in.ReadSlice('\n')
		at += int64(len(text))
		no++
		if errors.Is(err, bufio.ErrBufferFull) {
			return fault.E(opJob, fault.Invalid, fmt.Sprintf("line %d is longer than %d bytes", no, maxDescription), nil)
		}
		if text := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))); len(text) > 0 {
			im.add(no, text)
		}
		if err != nil && err != io.EOF {
			return fault.E(opJob, fault.Transient, "the import file ended before it was complete", err)
		}
		if len(im.rows) < jobBatch && err == nil {
			continue
		}
		if err := im.take(ctx); err != nil {
			return err
		}
		if size > 0 {
			im.j.Progress = 99 * float64(at) / float64(max(size, at))
		}
		if err := im.s.keepJob(ctx, im.j); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
	}
}

// add reads one line. New registrations get an id that follows from the job and the
// line, so that a repeat makes the same.
func (im *importing) add(no int64, text []byte) {
	r, err := readDescription(text)
	if err == nil && r.From != "" {
		err = fault.BadField(opJob, "Tags", "hold $InstallationId", "import installations with usher import azure-export")
	}
	if err == nil && r.ID == "" {
		if im.j.Type == jobUpdate || im.j.Type == jobDelete {
			err = fault.BadField(opJob, "RegistrationId", "is missing", "the registration to change")
		}
		r.ID = uuid.NewSHA1(im.j.ID, fmt.Append(nil, no)).String()
	}
	if err != nil {
		im.fail(numberedLine{no, string(text)}, err)
		return
	}
	r.said.Job = im.j.ID.String()
	if r.Extra, err = r.said.raw(); err != nil {
		im.fail(numberedLine{no, string(text)}, err)
		return
	}
	im.rows = append(im.rows, &r.Registration)
	im.lines = append(im.lines, numberedLine{no, string(text)})
}

// fail notes a line that was not taken, and why.
func (im *importing) fail(l numberedLine, err error) {
	im.j.Failed++
	_, _ = fmt.Fprintf(im.failed, "%d\t%s\t%s\n", l.no, reasonOf(err), l.text) // Flush tells of it
}

// reasonOf is what is wrong, in one line.
func reasonOf(err error) string {
	return strings.Join(strings.Fields(fault.Message(err)), " ")
}

// take writes the batch.
func (im *importing) take(ctx context.Context) error {
	rows, lines := im.rows, im.lines
	im.rows, im.lines = nil, nil
	if len(rows) == 0 {
		return nil
	}
	refused := map[int]error{}
	if im.j.Type == jobDelete {
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		if _, err := im.s.hub.DeleteRegistrations(ctx, im.j.App, ids); err != nil {
			return err
		}
	} else {
		done, err := im.s.hub.PutRegistrations(ctx, im.j.App, rows, im.j.mode())
		if err != nil {
			return err
		}
		for _, f := range done.Refused {
			if !im.mine(ctx, rows[f.Index].ID, f.Err) {
				refused[f.Index] = f.Err
			}
		}
	}
	for i, r := range rows {
		if err := refused[i]; err != nil {
			im.fail(lines[i], err)
			continue
		}
		im.j.Done++
		_, _ = im.output.WriteString(line(*r) + "\n") // Flush tells of it
	}
	return nil
}

// mine reports whether what stands in the way was made by this very job, in a run that
// did not come to its end.
func (im *importing) mine(ctx context.Context, registration string, refused error) bool {
	if !fault.Is(refused, fault.Conflict) || im.j.Type != jobCreate {
		return false
	}
	r, err := im.s.hub.Registration(ctx, im.j.App, registration)
	return err == nil && readSaid(r.Extra).Job == im.j.ID.String()
}
