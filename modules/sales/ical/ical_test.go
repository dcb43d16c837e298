package ical

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

func in(t testing.TB, zone, at string) time.Time {
	t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	out, err := time.ParseInLocation("2006-01-02 15:04", at, place)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoldenEntries(t *testing.T) {
	stamp := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	for name, e := range map[string]Entry{
		"berlin-summer": {UID: "1@usher", Sequence: 7, Stamp: stamp, Start: in(t, "Europe/Berlin", "2027-06-01 20:00"), End: in(t, "Europe/Berlin", "2027-06-01 23:00"),
			Summary: "Jazz; Bläser, Chor \\ Orgel", Location: "Großer Saal, Köln", Description: "Einlass 19:00\nZwei Bühnen – und sehr viele Wörter, damit die Zeile gefaltet werden muss, äöüß.", URL: "https://tickets.example.org/o/abc"},
		"clocks-change-during-it": {UID: "2@usher", Stamp: stamp, Start: in(t, "America/New_York", "2027-11-06 22:00"), End: in(t, "America/New_York", "2027-11-07 04:00"), Summary: "Long night"},
		"no-summer-time":          {UID: "3@usher", Stamp: stamp, Start: in(t, "Asia/Kathmandu", "2027-01-10 18:00"), Summary: "Sitar", Cancelled: true},
		"universal":               {UID: "4@usher", Stamp: stamp, Start: in(t, "UTC", "2027-01-10 18:00"), Summary: "Stream"},
	} {
		path, got := filepath.Join("testdata", name+".ics"), Write(e)
		webtest.Same(t, path, got)
	}
}

// read is a calendar's way back: unfolded, split and unescaped.
func read(t interface{ Fatalf(string, ...any) }, file []byte) map[string]string {
	text := string(file)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\r\n") || !utf8.ValidString(line) {
			t.Fatalf("no line of RFC 5545: %q", line)
		}
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n ", ""), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		out[name] = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(value)
	}
	return out
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	start := in(t, "Europe/Berlin", "2027-03-28 01:30")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("\\;,:n\n äß€\U0001F3B7BEGIN")), rapid.Rune()))
		e := Entry{UID: "x", Start: start, Summary: words.Draw(t, "summary"), Location: words.Draw(t, "location")}
		got := read(t, Write(e))
		clean := func(s string) string {
			return strings.Map(func(r rune) rune {
				if control(r) && r != '\n' && r != '\t' {
					return -1
				}
				return r
			}, strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"))
		}
		if got["SUMMARY"] != clean(e.Summary) || got["LOCATION"] != clean(e.Location) || got["DTSTART;TZID=Europe/Berlin"] != "20270328T013000" {
			t.Fatalf("%+v: %q", e, got)
		}
	})
}

func TestNothingIsSmuggledInAsAPropertyOfItsOwn(t *testing.T) {
	got := read(t, Write(Entry{UID: "x", Start: in(t, "UTC", "2027-01-01 10:00"), Summary: "a\r\nATTENDEE:b", URL: "https://x\r\nATTENDEE:b"}))
	if _, there := got["ATTENDEE"]; there || got["URL"] != "" {
		t.Error(got)
	}
}
