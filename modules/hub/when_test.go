package hub

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuietUntil(t *testing.T) {
	berlin := zoneOf("Europe/Berlin")
	for _, tc := range []struct {
		name, now, end string
		span           quietSpan
	}{
		{"before midnight ends tomorrow", "2026-11-22T22:30:00Z", "2026-11-23T06:00:00Z", quietSpan{22 * 60, 7 * 60}},
		{"after midnight ends today", "2026-11-23T03:00:00Z", "2026-11-23T06:00:00Z", quietSpan{22 * 60, 7 * 60}},
		{"the last minute is free", "2026-11-23T06:00:00Z", "", quietSpan{22 * 60, 7 * 60}},
		{"noon is free", "2026-11-22T11:00:00Z", "", quietSpan{22 * 60, 7 * 60}},
		{"a span within the day", "2026-11-22T12:30:00Z", "2026-11-22T14:00:00Z", quietSpan{13 * 60, 15 * 60}},
		{"no span", "2026-11-22T23:00:00Z", "", quietSpan{}},
		{"a night that an hour is added to", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z", quietSpan{22 * 60, 7 * 60}},
		{"a night that loses an hour", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z", quietSpan{22 * 60, 7 * 60}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now, _ := time.Parse(time.RFC3339, tc.now)
			end, quiet := tc.span.until(now, berlin)
			if got := end.Format(time.RFC3339); quiet != (tc.end != "") || quiet && got != tc.end {
				t.Errorf("until(%s) = %s, %v; want %q", tc.now, got, quiet, tc.end)
			}
		})
	}
}

// Whatever the span, zone and instant: quiet ends within a day and a clock
// change, and when it ends it is not quiet.
func TestQuietUntilProperty(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"}
	rapid.Check(t, func(t *rapid.T) {
		span := quietSpan{int16(rapid.IntRange(0, 1439).Draw(t, "from")), int16(rapid.IntRange(0, 1439).Draw(t, "to"))}
		zone := zoneOf(rapid.SampledFrom(zones).Draw(t, "zone"))
		now := time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(t, "now"), 0).UTC()
		end, quiet := span.until(now, zone)
		if !quiet {
			return
		}
		if d := end.Sub(now); d <= -time.Hour || d > 26*time.Hour {
			t.Fatalf("quiet ends after %s", d)
		}
		if local := end.In(zone); int16(local.Hour()*60+local.Minute()) != span.To && !swallowed(local, span.To) {
			t.Fatalf("quiet ends at %s, want minute %d", local, span.To)
		}
	})
}

// swallowed reports whether a clock change left minute out of the day of local.
func swallowed(local time.Time, minute int16) bool {
	at := time.Date(local.Year(), local.Month(), local.Day(), int(minute/60), int(minute%60), 0, 0, local.Location())
	return int16(at.Hour()*60+at.Minute()) != minute
}

func TestDeliveryIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<59).Draw(t, "notification")
		r := rapid.Int64Range(-1000, 1<<60).Draw(t, "recipient")
		gotN, gotR, err := parseDeliveryID(deliveryID(n, r))
		if err != nil || gotN != n || gotR != r {
			t.Fatalf("%d/%d came back as %d/%d, %v", n, r, gotN, gotR, err)
		}
	})
}

func FuzzParseDeliveryID(f *testing.F) {
	f.Add(deliveryID(7, -3))
	f.Add("not one")
	f.Fuzz(func(t *testing.T, s string) {
		n, r, err := parseDeliveryID(s)
		if err == nil && (n < 0 || deliveryID(n, r) == "") {
			t.Fatalf("%q gave %d, %d", s, n, r)
		}
	})
}
