// Package icalendar reads the events of a calendar file (RFC 5545): what takes place
// when, as far as a competing event is described by it.
package icalendar

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Event is one VEVENT. A recurring one is its first occurrence only.
type Event struct {
	UID        string
	Summary    string
	Day        time.Time // midnight UTC of the date on the calendar's own clock
	Location   string
	Categories []string
	Lat, Lon   float64 // degrees; meaningful when Located
	Located    bool
	Created    time.Time // zero: not told
}

const (
	maxEvents = 20_000
	maxLine   = 64 << 10 // bytes, unfolded
)

// Parse reads a calendar. Cancelled events are left out. Errors: fault.Invalid with the
// line and its fix.
func Parse(file []byte) ([]Event, error) {
	p := parser{}
	scan := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff"))))
	scan.Buffer(nil, maxLine)
	var line string
	for n := 1; scan.Scan(); n++ {
		text := strings.TrimSuffix(scan.Text(), "\r")
		if len(text) > 0 && (text[0] == ' ' || text[0] == '\t') && len(line)+len(text) <= maxLine { // folded
			line += text[1:]
			continue
		}
		if err := p.take(line); err != nil {
			return nil, err
		}
		line, p.line = text, n
	}
	if scan.Err() != nil {
		return nil, p.wrong("is longer than 64 KB", "export the calendar anew")
	}
	if err := p.take(line); err != nil {
		return nil, err
	}
	switch {
	case !p.begun:
		p.line = 1
		return nil, p.wrong("does not begin a calendar", "a file that begins with BEGIN:VCALENDAR")
	case p.event != nil:
		return nil, p.wrong("begins an event that does not end", "the file is cut off: export it anew")
	}
	return p.events, nil
}

type parser struct {
	line      int
	begun     bool
	depth     int // of parts within an event, such as alarms
	event     *Event
	cancelled bool
	events    []Event
}

func (p *parser) wrong(problem, fix string) error {
	return fault.BadField("icalendar.Parse", fmt.Sprintf("line %d", p.line), problem, fix)
}

// take reads one unfolded line: NAME;PARAM=X:value.
func (p *parser) take(line string) error {
	head, value, ok := strings.Cut(line, ":")
	if !ok {
		return nil // an empty line, or one that says nothing to us
	}
	name, _, _ := strings.Cut(head, ";")
	name = strings.ToUpper(strings.TrimSpace(name))
	value = strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(value, "\x00", ""), ""))
	switch {
	case name == "BEGIN" && strings.EqualFold(value, "VCALENDAR"):
		p.begun = true
	case !p.begun:
	case name == "BEGIN" && p.event != nil:
		p.depth++
	case name == "BEGIN" && strings.EqualFold(value, "VEVENT"):
		p.event, p.cancelled = &Event{}, false
	case name == "END" && p.depth > 0:
		p.depth--
	case name == "END" && p.event != nil:
		return p.end()
	case p.event != nil && p.depth == 0:
		return p.property(name, value)
	}
	return nil
}

func (p *parser) end() error {
	e := p.event
	p.event = nil
	switch {
	case p.cancelled:
		return nil
	case e.Day.IsZero():
		return p.wrong("ends an event without DTSTART", "each event needs the day it begins on")
	case len(p.events) == maxEvents:
		return p.wrong(fmt.Sprintf("ends the event after %d", maxEvents), "export a shorter time")
	}
	if e.UID == "" {
		e.UID = e.Day.Format(time.DateOnly) + " " + e.Summary
	}
	p.events = append(p.events, *e)
	return nil
}

func (p *parser) property(name, value string) error {
	e := p.event
	switch name {
	case "UID":
		e.UID = value
	case "SUMMARY":
		e.Summary = unescape(value)
	case "LOCATION":
		e.Location = unescape(value)
	case "CATEGORIES":
		for c := range strings.SplitSeq(value, ",") {
			if c = strings.ToLower(strings.TrimSpace(unescape(c))); c != "" && len(e.Categories) < 20 {
				e.Categories = append(e.Categories, c)
			}
		}
	case "STATUS":
		p.cancelled = strings.EqualFold(value, "CANCELLED")
	case "GEO":
		lat, lon, _ := strings.Cut(value, ";")
		a, errA := strconv.ParseFloat(lat, 64)
		b, errB := strconv.ParseFloat(lon, 64)
		if errA == nil && errB == nil && a >= -90 && a <= 90 && b >= -180 && b <= 180 {
			e.Lat, e.Lon, e.Located = a, b, true
		}
	case "CREATED":
		e.Created, _ = date(value)
	case "DTSTART":
		day, ok := date(value)
		if !ok {
			return p.wrong(fmt.Sprintf("DTSTART %.40q is no date", value), "such as 20260501T200000")
		}
		e.Day = day
	}
	return nil
}

// date is the day of 20260501 or 20260501T200000Z.
func date(value string) (time.Time, bool) {
	if len(value) < 8 {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102", value[:8])
	return t, err == nil && t.Year() > 1970 && t.Year() < 2200
}

// unescape undoes the backslashes of a text.
func unescape(text string) string {
	return strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(text)
}
