package forecast

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestScoresOfAHandfulOfForecasts(t *testing.T) {
	s := ScoreOf([]Said{{.9, true}, {.8, false}, {.2, false}, {.1, false}})
	if math.Abs(s.Brier-(.01+.64+.04+.01)/4) > 1e-12 {
		t.Errorf("Brier %v", s.Brier)
	}
	if want := -(math.Log(.9) + math.Log(.2) + math.Log(.8) + math.Log(.9)) / 4; math.Abs(s.LogLoss-want) > 1e-12 {
		t.Errorf("log loss %v, want %v", s.LogLoss, want)
	}
	if want := (.1 + .8 + .2 + .1) / 4; math.Abs(s.ECE-want) > 1e-12 {
		t.Errorf("ECE %v, want %v", s.ECE, want)
	}
	if *s.AUC != 1 {
		t.Errorf("AUC %v", *s.AUC)
	}
	if s = ScoreOf([]Said{{.5, true}}); s.AUC != nil {
		t.Errorf("AUC of one outcome %v", *s.AUC)
	}
}

func TestAUCIsTheShareOfPairsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var said []Said
		for range rapid.IntRange(2, 20).Draw(t, "n") {
			said = append(said, Said{float64(rapid.IntRange(0, 5).Draw(t, "p")) / 5, rapid.Bool().Draw(t, "true")})
		}
		right, pairs := 0.0, 0.0
		for _, a := range said {
			for _, b := range said {
				if a.True && !b.True {
					pairs++
					right += indicator(a.P > b.P) + indicator(a.P == b.P)/2
				}
			}
		}
		got := auc(said)
		if (pairs == 0) != (got == nil) || got != nil && math.Abs(*got-right/pairs) > 1e-12 {
			t.Fatalf("got %v, want %v/%v", got, right, pairs)
		}
	})
}

// Outcomes drawn from the distribution itself fall inside the 80 % interval in 80 % of all cases.
func TestCoverageOfTheTruthIsItsLevel(t *testing.T) {
	d := total{4, 9}
	sum := 0.0
	for k, p := range pmf(d, 200) {
		sum += p * d.inside(k, false)
	}
	if math.Abs(sum-.8) > 1e-6 {
		t.Errorf("covered %v, want .8", sum)
	}
	if c := d.inside(1, true); c < .7 || c > .9 { // nearly certain to sell out, and it did: says little
		t.Errorf("a sell-out of the last ticket covers %v", c)
	}
}

func TestSimilarEvents(t *testing.T) {
	vienna := &Event{ID: "a", Date: 20_000, Capacity: 300, Tags: []string{"indoor"}, Genre: "rock", Lat: 48.2082, Lon: 16.3738, Located: true}
	same := *vienna
	if s := Similarity(vienna, &same); math.Abs(s-1) > 1e-12 {
		t.Errorf("an event is %v like itself", s)
	}
	far := same
	far.Lat, far.Lon, far.Genre, far.Tags, far.Capacity = 52.52, 13.405, "folk", nil, 30_000
	far.Date += 182
	if s := Similarity(vienna, &far); s > .15 {
		t.Errorf("a folk night in Berlin half a year later is %v like it", s)
	}
	if km := Distance(48.2082, 16.3738, 52.52, 13.405); math.Abs(km-524) > 2 {
		t.Errorf("Vienna to Berlin is %v km", km)
	}
}

func TestRivalsAreNearAlikeAndAnnounced(t *testing.T) {
	e := &Event{ID: "a", Date: 20_000, OnSale: 19_900, Capacity: 300, Genre: "rock", City: "Ulm"}
	near := &Event{ID: "b", Date: 20_001, OnSale: 19_950, Capacity: 300, Genre: "rock", City: "Ulm"}
	c := NewCalendar([]*Event{
		e, near,
		{ID: "later", Date: 20_030, OnSale: 19_950, Capacity: 300, Genre: "rock", City: "Ulm"},
		{ID: "other genre", Date: 20_001, OnSale: 19_950, Capacity: 300, Genre: "jazz", City: "Ulm"},
		{ID: "other town", Date: 20_001, OnSale: 19_950, Capacity: 300, Genre: "rock", City: "Linz"},
	})
	rivals := c.Rivals(e)
	if len(rivals) != 1 || rivals[0].Event != near {
		t.Fatalf("rivals %v", rivals)
	}
	if want := math.Exp(-1./3) * math.Log(4); math.Abs(rivals[0].Strength-want) > 1e-12 {
		t.Errorf("strength %v, want %v", rivals[0].Strength, want)
	}
	if pressure(rivals, 19_949) != 0 || pressure(rivals, 19_950) == 0 {
		t.Error("a rival counts from the day it is announced")
	}
}
