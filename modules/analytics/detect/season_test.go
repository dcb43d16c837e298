package detect_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/analytics/detect"
)

func TestSeasonLearnsDaysThenWeeks(t *testing.T) {
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	truth := func(t time.Time) float64 {
		f := 0.5
		if t.Hour() >= 18 {
			f = 2.5
		}
		if t.Weekday() == time.Saturday {
			f *= 2
		}
		return f
	}
	past := func(days int) (hours []detect.Hour) {
		a := newArrivals(8, uint64(days))
		for i := range days * 24 {
			start := monday.Add(time.Duration(i) * time.Hour)
			hours = append(hours, detect.Hour{Start: start, Total: a.bin(60 * 10 * truth(start)), Bins: 60})
		}
		return hours
	}
	mean := 0.0
	for i := range 168 {
		mean += truth(monday.Add(time.Duration(i)*time.Hour)) / 168
	}
	tuesday, saturday := monday.Add(24*time.Hour+20*time.Hour), monday.Add(5*24*time.Hour+20*time.Hour)
	if s := detect.EstimateSeason(past(2)); !reflect.DeepEqual(s, detect.Season{}) || s.At(tuesday) != 1 {
		t.Error("two days make no season")
	}
	s := detect.EstimateSeason(past(28))
	for _, at := range []time.Time{tuesday, saturday, monday.Add(time.Hour)} {
		end := at.Add(time.Minute)
		if got, want := s.At(end), truth(at)/mean; math.Abs(got/want-1) > 0.1 {
			t.Errorf("%s: %.3f, want %.3f", at.Format("Mon 15:04"), got, want)
		}
	}
	if s.At(monday.Add(18*time.Hour)) != s.At(monday.Add(17*time.Hour+time.Minute)) {
		t.Error("a bin that ends at 18:00 belongs to the hour before")
	}
}
