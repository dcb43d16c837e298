// Package ical writes calendar entries as RFC 5545 describes.
package ical

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is one event in a calendar. Start's location is the zone that it is shown in.
type Entry struct {
	UID         string // the same for the same event, for ever: a later file replaces the entry
	Sequence    int64  // raised by each change
	Stamp       time.Time
	Start, End  time.Time // End may be zero
	Summary     string
	Location    string
	Description string
	URL         string
	Cancelled   bool
}

// Write makes a calendar of one entry: CRLF, lines of at most 75 octets, and the
// zone's rules for the time of the event, so that it is right wherever it is read.
func Write(e Entry) []byte {
	var w writer
	w.line("BEGIN:VCALENDAR")
	w.line("VERSION:2.0")
	w.line("PRODID:-//Usher//Tickets//EN")
	w.line("METHOD:PUBLISH")
	w.zone(e.Start, e.End)
	w.line("BEGIN:VEVENT")
	w.text("UID", e.UID)
	w.line(fmt.Sprintf("SEQUENCE:%d", e.Sequence))
	w.line("DTSTAMP:" + e.Stamp.UTC().Format(utcForm))
	w.moment("DTSTART", e.Start)
	if !e.End.IsZero() {
		w.moment("DTEND", e.End.In(e.Start.Location()))
	}
	w.text("SUMMARY", e.Summary)
	w.text("LOCATION", e.Location)
	w.text("DESCRIPTION", e.Description)
	if e.URL != "" && !strings.ContainsFunc(e.URL, control) {
		w.line("URL:" + e.URL) // of type URI: not escaped as text is
	}
	if e.Cancelled {
		w.line("STATUS:CANCELLED")
	} else {
		w.line("STATUS:CONFIRMED")
	}
	w.line("END:VEVENT")
	w.line("END:VCALENDAR")
	return []byte(w.String())
}

const (
	localForm = "20060102T150405"
	utcForm   = localForm + "Z"
)

type writer struct{ strings.Builder }

// line folds after 75 octets, never within a character. Source: RFC 5545, 3.1.
func (w *writer) line(s string) {
	room := 75
	for len(s) > room {
		cut := room
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		_, _ = w.WriteString(s[:cut] + "\r\n ")
		s, room = s[cut:], 74
	}
	_, _ = w.WriteString(s + "\r\n")
}

var escape = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// text writes a property of type TEXT; an empty one is left out. Source: RFC 5545, 3.3.11.
func (w *writer) text(name, value string) {
	value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\r\n", "\n")
	value = strings.Map(func(r rune) rune {
		if control(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, value)
	if value != "" {
		w.line(name + ":" + escape.Replace(value))
	}
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func (w *writer) moment(name string, t time.Time) {
	if universal(t) {
		w.line(name + ":" + t.UTC().Format(utcForm))
		return
	}
	w.line(name + ";TZID=" + t.Location().String() + ":" + t.Format(localForm))
}

// universal reports whether the time needs no zone of its own.
func universal(t time.Time) bool {
	name := t.Location().String()
	return name == "UTC" || name == "Local" || name == ""
}

// zone writes the rules that hold from start to end. Source: RFC 5545, 3.6.5.
func (w *writer) zone(start, end time.Time) {
	if universal(start) {
		return
	}
	w.line("BEGIN:VTIMEZONE")
	w.line("TZID:" + start.Location().String())
	for t := start; ; {
		from, until := t.ZoneBounds()
		w.observance(t, from)
		if until.IsZero() || until.After(end) {
			break
		}
		t = until
	}
	w.line("END:VTIMEZONE")
}

// observance is one stretch without a change of the clock, in which t lies and
// which began at from (zero: always).
func (w *writer) observance(t, from time.Time) {
	kind := "STANDARD"
	if t.IsDST() {
		kind = "DAYLIGHT"
	}
	name, to := t.Zone()
	before, onset := to, "19700101T000000"
	if !from.IsZero() {
		_, before = from.Add(-time.Second).Zone()
		onset = from.UTC().Add(time.Duration(before) * time.Second).Format(localForm) // on the clock as it was before
	}
	w.line("BEGIN:" + kind)
	w.line("DTSTART:" + onset)
	w.line("TZOFFSETFROM:" + offset(before))
	w.line("TZOFFSETTO:" + offset(to))
	w.line("TZNAME:" + name)
	w.line("END:" + kind)
}

func offset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	if s := seconds % 60; s != 0 {
		return fmt.Sprintf("%c%02d%02d%02d", sign, seconds/3600, seconds/60%60, s)
	}
	return fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
}
