package analytics

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
)

func TestSentimentShiftNeedsPostsInEnglish(t *testing.T) {
	r := newWatchRig(t)
	cfg := Defaults()
	cfg.Detectors = []Detector{{Name: "mood", Types: []string{socialPost}, Method: methodSentiment, Bin: time.Minute, Confidence: 90, HistorySize: 30}}
	s := r.watcher(cfg, nil)
	r.run(s)
	rnd := rand.New(rand.NewPCG(1, 2))
	minute := func(text, lang string, n int) {
		start := r.clock.Now()
		var all []happening
		for i := range n {
			said := text
			if rnd.IntN(3) == 0 {
				said = "see you at the doors"
			}
			all = append(all, happening{kind: socialPost, key: "gig", at: start.Add(time.Duration(i+1) * time.Second), received: start.Add(time.Duration(i+1) * time.Second),
				data: map[string]any{"event": "gig", "text": said, "lang": lang}})
		}
		r.happen(all...)
		r.clock.Advance(time.Minute)
		r.handled(s)
		r.must(s.Judge(t.Context()))
	}
	for range 30 {
		minute("what a great band, I love them", "en", 25)
	}
	for range 12 {
		minute("this is a horrible disaster, I hate it", "en", 19) // too few for a mean
		minute("this is a horrible disaster, I hate it", "de", 30) // not for VADER
	}
	if got := announced[facts.SentimentShifted](r); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	for range 12 {
		minute("this is a horrible disaster, I hate it", "en", 25)
	}
	got := announced[facts.SentimentShifted](r)
	if len(got) != 1 || got[0].Direction != "down" || got[0].Baseline < 0.2 || got[0].Observed > -0.2 || got[0].Event != "gig" {
		t.Errorf("%+v", got)
	}
}
