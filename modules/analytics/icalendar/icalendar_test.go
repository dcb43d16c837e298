package icalendar_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics/icalendar"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" +
	"BEGIN:VEVENT\r\nUID:1@ulm\r\nSUMMARY:Rock in the yard\\, with\r\n  friends\r\nDTSTART;TZID=Europe/Berlin:20260605T200000\r\nLOCATION:Ulm\\; Zelt\r\n" +
	"CATEGORIES:Rock,Outdoor\r\nGEO:48.4;9.99\r\nCREATED:20260102T080000Z\r\nBEGIN:VALARM\r\nDTSTART:nonsense\r\nEND:VALARM\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nSUMMARY:Market\r\nDTSTART;VALUE=DATE:20260606\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:3\r\nSTATUS:CANCELLED\r\nDTSTART:20260607\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func TestEventsOfACalendar(t *testing.T) {
	got, err := icalendar.Parse([]byte(calendar))
	if err != nil {
		t.Fatal(err)
	}
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	want := []icalendar.Event{
		{UID: "1@ulm", Summary: "Rock in the yard, with friends", Day: day(6, 5), Location: "Ulm; Zelt", Categories: []string{"rock", "outdoor"}, Lat: 48.4, Lon: 9.99, Located: true, Created: day(1, 2)},
		{UID: "2026-06-06 Market", Summary: "Market", Day: day(6, 6)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsNoCalendarIsToldWithItsLine(t *testing.T) {
	cut, _, _ := strings.Cut(calendar, "GEO")
	for name, c := range map[string]struct{ file, where string }{
		"empty":     {"", "line 1"},
		"a page":    {"<!doctype html>\n<p>No: calendar</p>", "line 1"},
		"no day":    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR\n", "line 4"},
		"wrong day": {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:May 5\nEND:VEVENT\n", "line 3"},
		"cut off":   {cut, "begins an event"},
	} {
		_, err := icalendar.Parse([]byte(c.file))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.where) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(calendar))
	f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n X\n\tY\nEND:VEVENT"))
	f.Fuzz(func(t *testing.T, file []byte) {
		events, err := icalendar.Parse(file)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Day.IsZero() || e.UID == "" {
				t.Fatalf("got %+v", e)
			}
		}
	})
}
