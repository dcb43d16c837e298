package forecast

import (
	"cmp"
	"math"
	"slices"
)

// Said is a probability that was given and whether it came true.
type Said struct {
	P    float64
	True bool
}

// Score sums up how good probabilities were. Values without a meaning are NaN in Go and
// null in JSON: AUC needs both outcomes.
type Score struct {
	Brier   float64  `json:"brier"`    // mean of (p − outcome)²; 0 is perfect
	LogLoss float64  `json:"log_loss"` // mean of −ln(probability of what happened)
	ECE     float64  `json:"ece"`      // expected calibration error, ten bins
	AUC     *float64 `json:"auc"`      // probability that a sell-out had the higher p
	N       int      `json:"n"`
}

// ScoreOf scores probabilities. None give the zero Score.
func ScoreOf(said []Said) Score {
	s := Score{N: len(said)}
	n := float64(len(said))
	for _, x := range said {
		o := indicator(x.True)
		s.Brier += (x.P - o) * (x.P - o) / n
		right := x.P
		if !x.True {
			right = 1 - x.P
		}
		s.LogLoss -= math.Log(max(right, 1e-4)) / n
	}
	for _, b := range Reliability(said) {
		s.ECE += math.Abs(b.Said-b.Happened) * float64(b.N) / n
	}
	s.AUC = auc(said)
	return s
}

// Bin is what was said and what happened for probabilities in a tenth of the scale.
type Bin struct {
	From, To float64
	N        int
	Said     float64 // mean probability
	Happened float64 // share that came true
}

// Reliability sorts probabilities into ten bins of equal width; empty ones are left out.
// Source: M. P. Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian
// Binning, AAAI 2015.
func Reliability(said []Said) []Bin {
	var bins [10]Bin
	for _, x := range said {
		k := min(max(int(x.P*10), 0), 9)
		bins[k].N++
		bins[k].Said += x.P
		bins[k].Happened += indicator(x.True)
	}
	var out []Bin
	for k, b := range bins {
		if b.N > 0 {
			out = append(out, Bin{float64(k) / 10, float64(k+1) / 10, b.N, b.Said / float64(b.N), b.Happened / float64(b.N)})
		}
	}
	return out
}

// auc is the Mann-Whitney statistic; nil unless both outcomes occur.
func auc(said []Said) *float64 {
	s := slices.SortedFunc(slices.Values(said), func(a, b Said) int { return cmp.Compare(a.P, b.P) })
	var ranks, yes float64
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j].P == s[i].P {
			j++
		}
		for _, x := range s[i:j] {
			if x.True {
				ranks += float64(i+j+1) / 2 // the mean rank of equals
				yes++
			}
		}
		i = j
	}
	no := float64(len(s)) - yes
	if yes == 0 || no == 0 {
		return nil
	}
	a := (ranks - yes*(yes+1)/2) / (yes * no)
	return &a
}

// inside is the share of the probability transform of an outcome that lies between .1
// and .9: what the 80 % interval covers of it, without drawing a random number. When
// sold is all there was, the outcome is only known to be at least that.
func (t total) inside(sold int, soldOut bool) float64 {
	low, high := 1-t.atLeast(sold), 1.0
	if !soldOut {
		high = 1 - t.atLeast(sold+1)
	}
	if high-low < 1e-12 {
		return indicator(low >= .1 && low <= .9)
	}
	return max(0, min(high, .9)-max(low, .1)) / (high - low)
}
