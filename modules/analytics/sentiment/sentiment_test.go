package sentiment

import (
	"math"
	"strings"
	"sync"
	"testing"
)

func TestLabels(t *testing.T) {
	for _, tc := range []struct {
		text, lang string
		want       Label
	}{
		{"Best gig of my life, I LOVE this band!!!", "en", Positive},
		{"The sound was not good, and the queue was terrible :(", "en-GB", Negative},
		{"Doors open at 19:00", "EN_us", Neutral},
		{"Das war wunderbar, best concert", "de", Unknown},
		{"I love it", "", Unknown},
		{"I love it", "und", Unknown},
		{"I love it", "not a tag", Unknown},
		{"I love it", "tlh", Unknown},
		{"  \n", "en", Unknown},
	} {
		s := Of(tc.text, tc.lang)
		if s.Label != tc.want || s.Label == Unknown && s.Compound != 0 {
			t.Errorf("%q in %q: %+v, want %s", tc.text, tc.lang, s, tc.want)
		}
	}
}

// Examples that the authors of VADER publish with their scores.
func TestScoresAreVADERs(t *testing.T) {
	for text, want := range map[string]float64{
		"VADER is smart, handsome, and funny.":       0.8316,
		"VADER is not smart, handsome, nor funny.":   -0.7424,
		"Today only kinda sux! But I'll get by, lol": 0.5249,
	} {
		if got := Of(text, "en").Compound; math.Abs(got-want) > 0.001 {
			t.Errorf("%q: %.4f, want %.4f", text, got, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if Of("great show", "en").Label != Positive {
					t.Error("lost its mind")
				}
			}
		})
	}
	all.Wait()
}

func FuzzOf(f *testing.F) {
	f.Add("not GREAT!!! 😡 :) kind of, but least", "en")
	f.Add(strings.Repeat("ä", maxText), "en")
	f.Fuzz(func(t *testing.T, text, lang string) {
		if s := Of(text, lang); math.IsNaN(s.Compound) || math.Abs(s.Compound) > 1 {
			t.Errorf("%+v", s)
		}
	})
}
