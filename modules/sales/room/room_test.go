package room

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEverybodyHasAPlaceOfHisOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.Uint64Range(0, 3000).Draw(t, "count")
		seed := rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "seed")
		taken := make([]bool, count)
		for n := range count {
			p := Place(n+1, count, seed)
			if p < 1 || p > count || taken[p-1] {
				t.Fatalf("number %d of %d got place %d", n+1, count, p)
			}
			taken[p-1] = true
		}
		if late := count + 1 + rapid.Uint64Range(0, 10).Draw(t, "late"); Place(late, count, seed) != late {
			t.Fatalf("number %d came after the draw and lost its place", late)
		}
	})
}

// TestTheDrawIsFair draws 4,000 times among 10: each number's mean place is 5.5,
// within four standard errors of a uniform draw.
func TestTheDrawIsFair(t *testing.T) {
	const count, draws = 10, 4000
	for number := uint64(1); number <= count; number++ {
		sum := 0.0
		for d := range draws {
			sum += float64(Place(number, count, []byte{byte(d), byte(d >> 8)}))
		}
		if limit := 4 * math.Sqrt((count*count-1)/12.0/draws); math.Abs(sum/draws-5.5) > limit {
			t.Errorf("number %d stands at %.2f on average", number, sum/draws)
		}
	}
}

func TestTheWaitIsHonest(t *testing.T) {
	for _, tc := range []struct {
		place          uint64
		admitted, rate float64
		before, want   time.Duration
	}{
		{10, 10, 100, 0, 0},
		{1010, 10, 100, 0, 10 * time.Second},
		{1010, 0, 100, time.Minute, 70*time.Second + 100*time.Millisecond},
		{5, 100, 100, time.Minute, time.Minute},
		{2, 1, 0, 0, 10 * time.Second},
	} {
		if got := Wait(tc.place, tc.admitted, tc.rate, tc.before); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	for _, tc := range []struct {
		wait   time.Duration
		spread float64
		want   time.Duration
	}{{0, 0, 2 * time.Second}, {40 * time.Second, 0, 10 * time.Second}, {40 * time.Second, 1, 12 * time.Second}, {time.Hour, 0.5, 33 * time.Second}} {
		if got := Ask(tc.wait, tc.spread); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
