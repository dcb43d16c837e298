package admission

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/id"
)

func TestValidityOfACodeAtADoor(t *testing.T) {
	here, there := id.New(), id.New()
	good := Ticket{Event: here, N: 1, Version: 2}
	for name, c := range map[string]struct {
		ticket Ticket
		door   id.ID
		now    Standing
		want   Verdict
	}{
		"as it was sold":               {good, here, Standing{here, 2, false}, Admitted},
		"handed on since":              {good, here, Standing{here, 3, false}, WrongVersion},
		"of a version that never was":  {good, here, Standing{here, 1, false}, WrongVersion},
		"refunded":                     {good, here, Standing{here, 2, true}, Void},
		"refunded after it was handed": {good, here, Standing{here, 3, true}, Void},
		"at another event's door":      {good, there, Standing{here, 2, false}, WrongEvent},
		"signed for another than sold": {good, here, Standing{there, 2, false}, WrongEvent},
	} {
		if got := Validity(c.ticket, c.door, c.now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Devices report in any order; who was first does not depend on it.
func TestSettlementDoesNotDependOnArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Unix(1_800_000_000, 0)
		scans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Scan {
			return Scan{id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), "d", base.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "s")) * time.Second)}
		}), 1, 8).Draw(t, "scans")
		want := Settle(scans)
		if !slices.Equal(Settle(rapid.Permutation(scans).Draw(t, "arrival")), want) {
			t.Fatal("another order of arrival settles otherwise")
		}
		for _, s := range scans {
			if s.At.Before(want[0].At) {
				t.Fatalf("%v was scanned before the one that was let in at %v", s.At, want[0].At)
			}
		}
	})
}
