package pgserver

import (
	"io"
	"os"
	"strings"
)

const (
	maxLog   = 10 << 20 // bytes; a larger log is set aside at the next start
	maxWords = 4 << 10  // bytes of the log that go into an error
)

// openLog opens the log to append; the previous one is kept as postgres.log.1.
func (h *Home) openLog() (*os.File, error) {
	path := h.LogFile()
	if fi, err := os.Stat(path); err == nil && fi.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := h.account.own(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// logSince is the end of what was logged from an offset on.
func (h *Home) logSince(offset int64) string {
	f, err := os.Open(h.LogFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		offset = max(offset, end-maxWords)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, offset, maxWords))
	if err != nil {
		return err.Error()
	}
	return lastLines(b)
}

// lastLines is the end of a program's output, at most ten lines of it.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
