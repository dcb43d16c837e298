package hub

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// maxLine bounds one installation in an import, in bytes; it is also what a PUT may hold.
const maxLine = 64 << 10

// lineReader reads installations one by one. next gives the line each begins on;
// fault.Invalid for a line that holds none, io.EOF at the end, any other error when
// the input fails. bytes is how much was taken.
type lineReader interface {
	next() (in *Installation, line int64, err error)
	bytes() int64
}

func newLines(format string, r io.Reader) (lineReader, error) {
	s := &scanner{r: bufio.NewReaderSize(r, maxLine)}
	switch format {
	case NDJSON:
		return ndjsonLines{s}, nil
	case CSV:
		return newCSVLines(s)
	}
	return nil, fault.BadField("hub.Import", "format", fmt.Sprintf("%q is unknown", clip(format)), `"ndjson" or "csv"`)
}

// scanner cuts the input into lines of at most maxLine bytes.
type scanner struct {
	r    *bufio.Reader
	line int64 // number of the last line read
	read int64 // bytes taken

	back  []byte // lines to give again
	after error  // what comes behind them
}

var errLong = fault.E("hub.Import", fault.Invalid, fmt.Sprintf("the line is longer than %d bytes", maxLine), nil).
	WithFix("one installation on a line, with fewer templates or attributes")

// next gives a line with its end; it is valid until the next call. A line that is
// too long is skipped. Errors: errLong, io.EOF after the last line, the reader's.
func (s *scanner) next() ([]byte, error) {
	if len(s.back) > 0 {
		end := bytes.IndexByte(s.back, '\n') + 1
		if end == 0 {
			end = len(s.back)
		}
		line := s.back[:end]
		s.back = s.back[end:]
		s.line++
		return line, nil
	}
	if err := s.after; err != nil {
		s.after = nil
		s.line++
		return nil, err
	}
	line, err := s.r.ReadSlice('\n')
	s.read += int64(len(line))
	if len(line) > 0 {
		s.line++
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = s.r.ReadSlice('\n')
			s.read += int64(len(line))
		}
		if err == nil || err == io.EOF {
			return nil, errLong
		}
	}
	if err == io.EOF && len(line) > 0 {
		return line, nil
	}
	return line, err
}

// unread gives lines again, and after them what came behind them. line is the
// number of the one before them.
func (s *scanner) unread(lines []byte, line int64, after error) {
	s.back = append(bytes.Clone(lines), s.back...)
	if after != nil && after != io.EOF {
		s.after = after
	}
	s.line = line
}

// ndjsonLines reads a JSON object from each line; empty lines mean nothing.
type ndjsonLines struct{ s *scanner }

func (n ndjsonLines) bytes() int64 { return n.s.read }

func (n ndjsonLines) next() (*Installation, int64, error) {
	for {
		line, err := n.s.next()
		if err != nil {
			return nil, n.s.line, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			in, err := parseJSONLine(line)
			return in, n.s.line, err
		}
	}
}

var errNoObject = fault.E("hub.Import", fault.Invalid, "the line is no JSON object", nil).
	WithFix(`each line holds one whole object, such as {"id": "a", "kind": "apns", "handle": "…"}`)

// parseJSONLine reads one installation. Errors: fault.Invalid, as for a PUT.
func parseJSONLine(line []byte) (*Installation, error) {
	if line[0] != '{' {
		return nil, errNoObject
	}
	in := new(Installation)
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err == nil && dec.InputOffset() == int64(len(line)) {
		return in, nil
	}
	if !json.Valid(line) {
		return nil, errNoObject
	}
	*in = Installation{}
	if err := web.Decode(line, in); err != nil { // slower, but it names every field
		return nil, err
	}
	return in, nil
}
