// Package bookings reads and writes how past events sold, as CSV: our own daily format,
// and the order exports of pretix and Eventbrite.
//
// A reader never gives up at the first fault: it says every line that is wrong, in
// which column, and what to write instead.
package bookings

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const (
	maxLines    = 5_000_000
	maxLead     = 1500       // days
	maxCapacity = 10_000_000 // tickets
	mostFaults  = 20         // told at once
)

// sheet reads a CSV file whose first line names its columns, in any order.
type sheet struct {
	name   string
	csv    *csv.Reader
	comma  rune
	at     map[string]int // place of a column
	cells  []string
	line   int
	lines  int
	faults []fault.Field
	more   int // faults that are not told
}

// open reads the first line. Columns are told apart by comma, semicolon or tab,
// whichever the first line has most of.
func open(name string, r io.Reader) (*sheet, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if bom, _ := buffered.Peek(3); bytes.Equal(bom, []byte("\ufeff")) {
		_, _ = buffered.Discard(3)
	}
	start, _ := buffered.Peek(16 << 10)
	first, _, _ := bytes.Cut(start, []byte("\n"))
	s := &sheet{name: name, comma: ',', at: map[string]int{}}
	for _, c := range ";\t" {
		if bytes.Count(first, []byte(string(c))) > bytes.Count(first, []byte(string(s.comma))) {
			s.comma = c
		}
	}
	s.csv = csv.NewReader(buffered)
	s.csv.Comma, s.csv.FieldsPerRecord, s.csv.ReuseRecord, s.csv.TrimLeadingSpace = s.comma, -1, true, true
	head, err := s.csv.Read()
	if err != nil || !utf8.ValidString(strings.Join(head, "")) {
		return nil, fault.BadField("bookings.Read", name+": line 1", "does not name the columns, as CSV in UTF-8", strings.Join(needed, ","))
	}
	for i, h := range head {
		h = strings.ToLower(strings.TrimSpace(h))
		if _, twice := s.at[h]; twice {
			continue // pretix names some columns twice; the first is the order's own
		}
		s.at[h] = i
	}
	return s, nil
}

// next goes to the next line; false at the end, or where the rest cannot be told apart.
func (s *sheet) next() bool {
	cells, err := s.csv.Read()
	if errors.Is(err, io.EOF) {
		return false
	}
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		s.line = broken.Line
		s.complain("", "cannot be read: "+broken.Err.Error(), `double a quote within quotes: "a ""b"""`)
		return false
	}
	if err != nil {
		s.complain("", "cannot be read: "+err.Error(), "check the file")
		return false
	}
	s.line, _ = s.csv.FieldPos(0)
	if s.lines++; s.lines > maxLines {
		s.complain("", fmt.Sprintf("is the first of too many: at most %d", maxLines), "split the file")
		return false
	}
	s.cells = cells
	return true
}

// get is the cell of a column; "" when there is none.
func (s *sheet) get(column string) string {
	if i, ok := s.at[column]; ok && i < len(s.cells) {
		return strings.TrimSpace(s.cells[i])
	}
	return ""
}

func (s *sheet) has(columns ...string) bool {
	for _, c := range columns {
		if _, ok := s.at[c]; !ok {
			return false
		}
	}
	return true
}

// complain says what is wrong with the current line.
func (s *sheet) complain(column, problem, fix string) {
	if len(s.faults) == mostFaults {
		s.more++
		return
	}
	where := fmt.Sprintf("%s: line %d", s.name, s.line)
	if column != "" {
		where += ", " + column
	}
	s.faults = append(s.faults, fault.Field{Name: where, Problem: problem, Fix: fix})
}

// wrong are all complaints as one error; nil: none.
func (s *sheet) wrong() error {
	if s.more > 0 {
		s.faults = append(s.faults, fault.Field{Name: s.name, Problem: fmt.Sprintf("has %d more", s.more), Fix: "mend these first"})
	}
	return fault.BadFields("bookings.Read", s.faults)
}

// day reads a date, 2026-05-01, whatever time follows it.
func (s *sheet) day(column string) (forecast.Day, bool) {
	text := s.get(column)
	if len(text) >= len(time.DateOnly) {
		if t, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return forecast.DayOf(t), true
		}
	}
	s.complain(column, fmt.Sprintf("%q is no date", clip(text)), "such as 2026-05-01")
	return 0, false
}

// number reads a number between low and high; 0 for an empty cell. Spreadsheets that
// separate by semicolons write a decimal comma.
func (s *sheet) number(column string, low, high float64) float64 {
	text := s.get(column)
	if text == "" {
		return 0
	}
	if s.comma != ',' {
		text = strings.Replace(text, ",", ".", 1)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= low && x <= high) {
		s.complain(column, fmt.Sprintf("%q is no number from %g to %g", clip(text), low, high), "digits only, such as 25 or 12.50")
		return 0
	}
	return x
}

// whole reads a whole number.
func (s *sheet) whole(column string, low, high int) int {
	text := s.get(column)
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		s.complain(column, fmt.Sprintf("%q is no whole number from %d to %d", clip(text), low, high), "digits only, such as 250")
		return low
	}
	return n
}

// yes reads yes or no; stated tells whether there was anything.
func (s *sheet) yes(column string) (yes, stated bool) {
	text := strings.ToLower(s.get(column))
	switch {
	case text == "":
		return false, false
	case slices.Contains([]string{"1", "yes", "true"}, text):
		return true, true
	case slices.Contains([]string{"0", "no", "false"}, text):
		return false, true
	}
	s.complain(column, fmt.Sprintf("%q is neither yes nor no", clip(text)), "1 or 0")
	return false, false
}

func clip(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}
