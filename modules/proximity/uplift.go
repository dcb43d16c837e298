package proximity

import (
	"context"
	"fmt"
	"math"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Arm is what became of one group of people that an offer was chosen for.
type Arm struct {
	People int `json:"people"`
	Came   int `json:"came"` // to the stall, or redeemed, up to ten minutes after the voucher's end
}

func (a Arm) rate() float64 {
	if a.People == 0 {
		return 0
	}
	return float64(a.Came) / float64(a.People)
}

// Uplift compares those who got an offer with those who were held out.
type Uplift struct {
	Given   Arm      `json:"given"`
	Holdout Arm      `json:"holdout"`
	Enough  bool     `json:"enough"`         // false: too few people to say anything
	Points  *float64 `json:"points"`         // difference of the shares, in percentage points; nil: not enough
	Low     *float64 `json:"low,omitempty"`  // 95 % interval
	High    *float64 `json:"high,omitempty"` //
}

// leastPeople is how many must be in each group before a difference is shown.
const leastPeople = 20

// UpliftOf compares the two groups of an offer. Errors: fault.NotFound.
func (s *Service) UpliftOf(ctx context.Context, offer id.ID) (Uplift, error) {
	if _, err := s.Offer(ctx, offer); err != nil {
		return Uplift{}, err
	}
	given, held, err := s.arms(ctx, offer)
	if err != nil {
		return Uplift{}, err
	}
	return compare(given, held), nil
}

// compare gives the difference of two shares with its 95 % interval.
// Source: R. G. Newcombe, Interval estimation for the difference between independent
// proportions, Stat. Med. 17 (1998), method 10 (hybrid score, without correction).
func compare(given, held Arm) Uplift {
	u := Uplift{Given: given, Holdout: held, Enough: given.People >= leastPeople && held.People >= leastPeople}
	if !u.Enough {
		return u
	}
	p1, p2 := given.rate(), held.rate()
	l1, u1 := wilson(given)
	l2, u2 := wilson(held)
	points, low, high := 100*(p1-p2), 100*(p1-p2-math.Hypot(p1-l1, u2-p2)), 100*(p1-p2+math.Hypot(u1-p1, p2-l2))
	u.Points, u.Low, u.High = &points, &low, &high
	return u
}

// wilson is the 95 % score interval of a share.
func wilson(a Arm) (low, high float64) {
	const z = 1.959964
	n, p := float64(a.People), a.rate()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(middle-half, 0), min(middle+half, 1)
}

// words say what the comparison shows.
func (u Uplift) words() string {
	if !u.Enough {
		return fmt.Sprintf("Too few people to say: %d got it and %d were held out; it takes %d of each.", u.Given.People, u.Holdout.People, leastPeople)
	}
	s := fmt.Sprintf("%+.1f percentage points more came (95 %% interval %+.1f to %+.1f)", *u.Points, *u.Low, *u.High)
	if *u.Low <= 0 && *u.High >= 0 {
		s += "; that may be chance"
	}
	return s + "."
}
