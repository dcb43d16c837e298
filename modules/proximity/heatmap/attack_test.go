package heatmap_test

import (
	"testing"

	"github.com/usherhq/usher/modules/proximity/heatmap"
	"github.com/usherhq/usher/modules/proximity/proximitytest"
)

func TestNothingPublishedTellsOfFewerThanTen(t *testing.T) {
	f := proximitytest.AttackEverything(5)
	t.Logf("%d evenings, %d bins, %d figures, %d small cells and ways", f.Evenings, f.Bins, f.Figures, f.Small)
	if f.Figures < 500 || f.Small < 1000 {
		t.Error("there was too little to attack")
	}
	for i, found := range f.Found {
		if i < 10 {
			t.Errorf("found %s", found)
		}
	}
}

// The attacker is good enough to break what only leaves out the small cells.
func TestTheAttackerBreaksWhatOnlyLeavesOut(t *testing.T) {
	secret := proximitytest.Secret{"a": {}, "b": {}, "c": {}}
	for i := range 30 {
		device := string(rune('A' + i))
		cell := "a"
		if i >= 4 {
			cell = "b"
		}
		if i >= 17 {
			cell = "c"
		}
		secret[cell][device] = true
	}
	published := []proximitytest.Equation{{Name: "total", Sum: []string{"a", "b", "c"}}, {Name: "b", Sum: []string{"b"}}, {Name: "c", Sum: []string{"c"}}}
	if found := proximitytest.Attack(published, secret, heatmap.K, true); len(found) == 0 {
		t.Error("a was not found as the total without b and c")
	}
	if found := proximitytest.Attack(published[:2], secret, heatmap.K, true); len(found) != 0 {
		t.Errorf("found %q, but a and c are 17 together", found)
	}
}
