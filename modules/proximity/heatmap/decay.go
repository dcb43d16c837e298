package heatmap

import (
	"cmp"
	"math"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fit"
)

// Trips is how many people walked from an origin to a stall.
type Trips struct {
	Stall    string
	Origin   string
	Distance float64 // metres
	Crowd    float64 // people at the origin
	People   float64 // who went
}

// Underused is a stall with fewer visitors than its place explains.
type Underused struct {
	Stall    string  `json:"stall"`
	People   float64 `json:"people"`   // who came
	Expected float64 `json:"expected"` // by distance and crowd
	Score    float64 `json:"score"`    // standardised residual; below −2
}

const (
	underScore = -2.0
	underShare = 0.8    // of what is expected
	leastTrips = 6      // pairs, for a model with a slope
	decayMean  = -0.015 // a metre: half in 46 m
	decaySD    = 0.015
)

// UnderusedStalls compares stalls with a distance-decay model
//
//	E[people from i to j] = crowd_i · exp(a − b·distance_ij)
//
// fitted to all trips by Poisson regression. A stall's residual is that of its sum,
// in standard deviations with the dispersion estimated from all the pairs; a stall's own
// appeal, not its place, is what is left. Too few pairs: none are reported.
//
// Source: A. G. Wilson, A Statistical Theory of Spatial Distribution Models (1967).
func UnderusedStalls(trips []Trips) ([]Underused, error) {
	trips = slices.DeleteFunc(slices.Clone(trips), func(t Trips) bool { return !(t.Crowd > 0) || !(t.Distance >= 0) || !(t.People >= 0) })
	if len(trips) < leastTrips {
		return nil, nil
	}
	var d fit.Data
	for _, t := range trips {
		d.X = append(d.X, []float64{t.Distance})
		d.Y = append(d.Y, t.People)
		d.Offset = append(d.Offset, math.Log(t.Crowd))
	}
	m, err := fit.Poisson(d, fit.Priors{Coef: []fit.Prior{{Mean: decayMean, SD: decaySD}}}, fit.PoissonVariance, fit.Steps{})
	if err != nil {
		return nil, err
	}
	came, expected := map[string]float64{}, map[string]float64{}
	for i, t := range trips {
		came[t.Stall] += t.People
		expected[t.Stall] += math.Exp(m.Eta(d.X[i]) + d.Offset[i])
	}
	var pearson []float64
	for s := range came {
		gap := came[s] - expected[s]
		pearson = append(pearson, gap*gap/expected[s])
	}
	slices.Sort(pearson)
	// The median of χ² with one degree of freedom is 0.455: stalls that stand out do not
	// widen the measure that they are judged by.
	dispersion := max(1, pearson[len(pearson)/2]/0.455)
	var out []Underused
	for s, e := range expected {
		score := (came[s] - e) / math.Sqrt(dispersion*e)
		if score < underScore && came[s] < underShare*e {
			out = append(out, Underused{s, came[s], e, score})
		}
	}
	slices.SortFunc(out, func(a, b Underused) int { return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Stall, b.Stall)) })
	return out, nil
}
