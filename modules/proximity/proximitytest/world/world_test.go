package world

import (
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheWorldKnowsNothingOfWhatItJudges(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "usherhq") {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}

// The simulated air is as hard as the goals say.
func TestHardRadioIsHard(t *testing.T) {
	w := HardRadio()
	var heard, sent, asleep, gaps float64
	for seed := range uint64(200) {
		readings, _ := w.Walk(seed)
		last := readings[0].At
		for _, r := range readings {
			if gap := r.At - last; gap >= 4 {
				asleep += gap
				gaps++
			}
			last = r.At
		}
		heard += float64(len(readings))
		sent += last
	}
	t.Logf("%.2f of the time in %.0f gaps of four seconds and more", asleep/sent, gaps)
	if asleep/sent < 0.07 {
		t.Errorf("the app sleeps %.3f of the time", asleep/sent)
	}
}

// Customers obey Little's law: a sum over time is a sum over people.
func TestACounterObeysLittlesLaw(t *testing.T) {
	c := OpenCounter(3, 0.4)
	people, seconds := 0.0, 0.0
	for now := 0.0; now < 6*3600; now++ {
		people += float64(c.Inside(now))
	}
	for _, p := range c.Customers {
		seconds += p.Left - p.Joined
	}
	if math.Abs(people/seconds-1) > 0.01 {
		t.Errorf("%.0f person-seconds by counting, %.0f by waiting", people, seconds)
	}
}
