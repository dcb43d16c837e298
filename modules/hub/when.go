package hub

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// localLayout is how a draft states a recipient-local time: a wall clock without a zone.
const localLayout = "2006-01-02T15:04"

// earliestZone is where a wall-clock time comes first on Earth (Kiribati).
const earliestZone = 14 * time.Hour

// quietSpan is a daily span of minutes in which a phone stays silent; it may
// pass midnight. The zero span (From == To) is never quiet.
type quietSpan struct{ From, To int16 }

// until says when the quiet that holds at now ends, in the recipient's zone.
// ok is false when it is not quiet. A span that a clock change swallows or
// doubles ends at the wall-clock minute To, as people expect.
func (q quietSpan) until(now time.Time, zone *time.Location) (end time.Time, ok bool) {
	if q.From == q.To {
		return time.Time{}, false
	}
	local := now.In(zone)
	minute := int16(local.Hour()*60 + local.Minute())
	day := local.Day()
	switch {
	case q.From < q.To && (minute < q.From || minute >= q.To):
		return time.Time{}, false
	case q.From > q.To && minute >= q.To && minute < q.From:
		return time.Time{}, false
	case q.From > q.To && minute >= q.From:
		day++ // it ends tomorrow
	}
	end = time.Date(local.Year(), local.Month(), day, int(q.To/60), int(q.To%60), 0, 0, zone)
	return end.UTC(), true
}

// localInstant is the instant at which clocks in zone show wall (localLayout).
func localInstant(wall string, zone *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(localLayout, wall, zone)
	if err != nil {
		return time.Time{}, fault.BadField("hub.Send", "local_time", "is not a date and time", `such as "2026-12-31T18:00", without a zone`)
	}
	return t.UTC(), nil
}

// zoneOf loads a zone; an unknown or empty name means UTC, because a wrong zone
// in one row must not stop a send.
func zoneOf(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return z
}
