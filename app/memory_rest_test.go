package app

import "testing"

// A rest begins after three seconds in which little was allocated, and ends at once.
func TestRhythm(t *testing.T) {
	r, allocated, turns := rhythm{busy: true}, uint64(0), ""
	pass := func(beats int, each uint64) {
		for range beats {
			if allocated += each; r.turns(allocated) {
				turns += map[bool]string{true: "busy ", false: "rest "}[r.busy]
			}
		}
	}
	for _, p := range []struct {
		beats int
		each  uint64
		want  string
	}{
		{restAfter - 1, 1000, ""}, {1, busyBeat, ""}, {restAfter - 1, busyBeat - 1, ""}, // a pause is no rest
		{1, 0, "rest "}, {1000, busyBeat - 1, ""}, {1, busyBeat, "busy "}, {100, busyBeat, ""}, {restAfter, 0, "rest "},
	} {
		turns = ""
		if pass(p.beats, p.each); turns != p.want {
			t.Errorf("after %d beats of %d bytes: %q, want %q", p.beats, p.each, turns, p.want)
		}
	}
}
