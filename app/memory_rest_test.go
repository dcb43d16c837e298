package app

import "testing"

// A rest begins when little was allocated for half a minute, soon after the start, and ends
// with a rush, but not with what some job takes at a stroke.
func TestRhythm(t *testing.T) {
	r, allocated, turns := newRhythm(), uint64(0), ""
	pass := func(beats int, each uint64) {
		for range beats {
			if allocated += each; r.turns(allocated) {
				turns += map[bool]string{true: "busy ", false: "rest "}[r.busy]
			}
		}
	}
	for i, p := range []struct {
		beats int
		each  uint64
		want  string
	}{
		{startMost, 20 * busyBeat, ""}, {startRest - 1, 1000, ""}, {1, 0, "rest "}, // the start
		{1000, busyBeat - 1, ""}, {1, busyBeat, ""}, {1, 0, ""}, {busyAfter - 1, busyBeat, ""}, {1, busyBeat, "busy "},
		{restAfter - 1, busyBeat - 1, ""}, {1, busyBeat, ""}, {1, 0, "rest "}, // at a stroke
		{busyAfter, busyBeat, "busy "}, {restAfter - 1, 0, ""}, {busyAfter, busyBeat, ""}, {restAfter - 1, 0, ""}, {1, 0, "rest "}, // a pause is no rest
	} {
		turns = ""
		if pass(p.beats, p.each); turns != p.want {
			t.Errorf("%d: after %d beats of %d bytes: %q, want %q", i, p.beats, p.each, turns, p.want)
		}
	}
	r, allocated, turns = newRhythm(), 0, ""
	if pass(startMost+1, busyBeat); turns != "" {
		t.Error(turns)
	}
	if pass(startRest, 0); turns != "" {
		t.Errorf("%q in a pause of a rush that met the start", turns)
	}
}
