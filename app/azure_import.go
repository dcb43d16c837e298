package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Bounds of one request of an import.
const (
	importLines = 500
	importBytes = 4 << 20
	importLine  = 256 << 10 // bytes of one line
)

// importPlace is how far an import of a file is. It lies beside the file, so that an
// interrupted import goes on where it stopped; what was sent since then is sent again,
// which changes nothing.
type importPlace struct {
	App      string `json:"app"`
	Head     string `json:"head"` // of the file: another one must not go on from here
	Offset   int64  `json:"offset"`
	Lines    int64  `json:"lines"`
	Taken    int64  `json:"taken"`
	Rejected int64  `json:"rejected"`
	Noted    int64  `json:"noted"` // bytes of the list of rejected lines
}

// exportFile is an export being imported.
type exportFile struct {
	f        *os.File
	size     int64
	in       *bufio.Reader
	at       importPlace
	path     string
	rejected *os.File
}

// importExport sends a file's lines in batches. post gives the server's answer to one.
// Errors: fault.Invalid, fault.Transient when the server does not answer.
func importExport(ctx context.Context, path, app string, post func(ctx context.Context, from int64, lines []byte) (azure.Intake, error), out io.Writer, terminal bool) error {
	x, err := openExport(path, app)
	if err != nil {
		return err
	}
	defer x.close()
	if x.at.Lines > 0 {
		fmt.Fprintf(out, "Going on after line %d.\n", x.at.Lines)
	}
	for {
		batch, lines, err := x.next()
		if err != nil {
			return err
		}
		if lines == 0 {
			break
		}
		answer, err := post(ctx, x.at.Lines+1, batch)
		if err == nil {
			err = x.advance(answer, int64(len(batch)), lines)
		}
		if err != nil {
			return fmt.Errorf("%w\n  %d lines are in; run the command again to go on", err, x.at.Lines)
		}
		if terminal {
			fmt.Fprint(out, "\r"+x.bar())
		}
	}
	if terminal {
		fmt.Fprintln(out)
	}
	return x.finish(out)
}

func openExport(path, app string) (*exportFile, error) {
	const op = "app.Import"
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "cannot read "+path, err)
	}
	x := &exportFile{f: f, path: path, at: importPlace{App: app}}
	if err := x.resume(); err != nil {
		_ = f.Close()
		return nil, fault.E(op, fault.Invalid, "cannot go on with "+path, err).WithFix("check that its folder can be written to")
	}
	return x, nil
}

func (x *exportFile) placeFile() string    { return x.path + ".usher-place" }
func (x *exportFile) rejectedFile() string { return x.path + ".rejected" }

// resume finds the place of an earlier run, if it was of the same file and app.
func (x *exportFile) resume() error {
	info, err := x.f.Stat()
	if err != nil {
		return err
	}
	x.size = info.Size()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(x.f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	sum := sha256.Sum256(fmt.Append(head[:n], x.size))
	x.at.Head = hex.EncodeToString(sum[:])
	var before importPlace
	if text, err := os.ReadFile(x.placeFile()); err == nil && json.Unmarshal(text, &before) == nil && before.Head == x.at.Head && before.App == x.at.App {
		x.at = before
	}
	if _, err := x.f.Seek(x.at.Offset, io.SeekStart); err != nil {
		return err
	}
	x.in = bufio.NewReaderSize(x.f, importLine)
	if x.rejected, err = os.OpenFile(x.rejectedFile(), os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if err := x.rejected.Truncate(x.at.Noted); err != nil {
		return err
	}
	_, err = x.rejected.Seek(x.at.Noted, io.SeekStart)
	return err
}

// next reads a batch of whole lines; lines is 0 at the end.
func (x *exportFile) next() (batch []byte, lines int64, err error) {
	for lines < importLines && len(batch) < importBytes {
		line, err := x.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, fault.E("app.Import", fault.Invalid, fmt.Sprintf("line %d is longer than %d bytes", x.at.Lines+lines+1, importLine), nil).
				WithFix("is it an export, one registration a line?")
		}
		if err != nil && err != io.EOF {
			return nil, 0, fault.E("app.Import", fault.Invalid, "cannot read "+x.path, err)
		}
		batch = append(batch, line...)
		if len(line) > 0 {
			lines++
		}
		if err == io.EOF {
			break
		}
	}
	return batch, lines, nil
}

// advance notes what came of a batch, the rejected lines first.
func (x *exportFile) advance(answer azure.Intake, size, lines int64) error {
	var notes bytes.Buffer
	for _, f := range answer.Faults {
		fmt.Fprintf(&notes, "%d\t%s\n", f.Line, f.Reason)
	}
	if _, err := x.rejected.Write(notes.Bytes()); err != nil {
		return fault.E("app.Import", fault.Internal, "cannot write "+x.rejectedFile(), err)
	}
	x.at.Offset += size
	x.at.Lines += lines
	x.at.Taken += answer.Taken
	x.at.Rejected += int64(len(answer.Faults))
	x.at.Noted += int64(notes.Len())
	return x.keep()
}

// keep writes the place so that a crash leaves the old or the new one, never half.
func (x *exportFile) keep() error {
	text, err := json.Marshal(x.at)
	if err != nil {
		return fault.E("app.Import", fault.Internal, "cannot write the place", err)
	}
	f, err := os.CreateTemp(filepath.Dir(x.path), ".usher-place-*")
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, x.rejected.Sync(), f.Sync(), f.Close(), os.Rename(f.Name(), x.placeFile()))
	}
	if err != nil {
		return fault.E("app.Import", fault.Internal, "cannot write "+x.placeFile(), err)
	}
	return nil
}

// bar shows how far the import is.
func (x *exportFile) bar() string {
	const width = 30
	part := float64(x.at.Offset) / float64(max(x.size, 1))
	full := min(int(part*width), width)
	return fmt.Sprintf("[%s%s] %3.0f %%  %d lines, %d rejected ", strings.Repeat("#", full), strings.Repeat(".", width-full), part*100, x.at.Lines, x.at.Rejected)
}

// finish sums up and forgets the place.
func (x *exportFile) finish(out io.Writer) error {
	fmt.Fprintf(out, "%d lines: %d taken, %d rejected\n", x.at.Lines, x.at.Taken, x.at.Rejected)
	if x.at.Rejected == 0 {
		_ = os.Remove(x.rejectedFile())
	} else if err := x.tellRejected(out); err != nil {
		return err
	}
	if err := os.Remove(x.placeFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.E("app.Import", fault.Internal, "cannot remove "+x.placeFile(), err)
	}
	return nil
}

// shownRejected is how many reasons are printed; the file has all.
const shownRejected = 10

func (x *exportFile) tellRejected(out io.Writer) error {
	text, err := os.ReadFile(x.rejectedFile())
	if err != nil {
		return fault.E("app.Import", fault.Internal, "cannot read "+x.rejectedFile(), err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n > shownRejected {
			break
		}
		no, reason, _ := strings.Cut(strings.TrimSpace(line), "\t")
		fmt.Fprintf(out, "  line %s: %s\n", no, reason)
	}
	fmt.Fprintf(out, "All rejected lines and why: %s\n", x.rejectedFile())
	return nil
}

func (x *exportFile) close() {
	_ = x.f.Close()
	_ = x.rejected.Close()
}
