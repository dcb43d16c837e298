package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
)

// screen writes for people: a bar that moves on a terminal, a line now and then
// in a log.
type screen struct {
	out     io.Writer
	live    bool
	open    bool // a bar is being drawn
	printed int64
}

const barWidth = 32

func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// bar shows n of total after d.
func (s *screen) bar(what string, n, total int64, d time.Duration) {
	part := 1.0
	if total > 0 {
		part = min(float64(n)/float64(total), 1)
	}
	rate := ""
	if d > 0 {
		rate = fmt.Sprintf("%s/s", grouped(int64(float64(n)/d.Seconds())))
	}
	filled := int(part * barWidth)
	line := fmt.Sprintf("  %-12s %s%s %3.0f %%  %s of %s  %s", what, strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled),
		part*100, grouped(n), grouped(total), rate)
	switch {
	case s.live:
		fmt.Fprintf(s.out, "\r%-100s", line)
		s.open = true
	case part == 1 || n >= s.printed+max(total/5, 1):
		fmt.Fprintln(s.out, line)
		s.printed = n
	}
}

// end closes the bar's line.
func (s *screen) end() {
	if s.open {
		fmt.Fprintln(s.out)
	}
	s.open, s.printed = false, 0
}

// tell prints a report as a table: a line for each push service and language.
func (s *screen) tell(r hub.Report) {
	s.say("\n  %-10s %10s %10s %9s %9s %9s\n", "", "wanted", "delivered", "retired", "retried", "other")
	for _, b := range r.Services {
		s.row(b, grouped(b.Total))
	}
	for _, b := range r.Locales {
		s.row(b, "")
	}
	s.say("  %s of %s have an outcome; %s a second until each had its first try; %s wait for another\n",
		grouped(r.Recorded), grouped(r.Total), grouped(int64(r.Rate)), grouped(r.Waiting))
}

func (s *screen) row(b hub.Breakdown, wanted string) {
	gone := b.Outcomes["gone"] + b.Outcomes["quarantined"]
	s.say("  %-10s %10s %10s %9s %9s %9s\n", b.Name, wanted, grouped(b.Outcomes["delivered"]), grouped(gone),
		grouped(b.Retried), grouped(b.Recorded-b.Outcomes["delivered"]-gone))
}

// grouped writes n with thin groups of thousands: 1,000,000.
func grouped(n int64) string {
	digits := []byte(fmt.Sprint(max(n, -n)))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	if n < 0 {
		return "-" + string(digits)
	}
	return string(digits)
}

func rawJSON(b []byte) json.RawMessage { return b }
