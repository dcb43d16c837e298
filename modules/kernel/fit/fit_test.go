package fit_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/fit"
)

// problem draws rows, weights, offsets and priors of a random size.
func problem(t *rapid.T) (fit.Data, fit.Priors) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	p := rapid.IntRange(0, 6).Draw(t, "features")
	n := p + 2 + rapid.IntRange(0, 60).Draw(t, "more rows")
	d := fit.Data{X: make([][]float64, n), Y: make([]float64, n), W: make([]float64, n), Offset: make([]float64, n)}
	for i := range n {
		d.X[i] = make([]float64, p)
		for j := range p {
			d.X[i][j] = 3*r.NormFloat64() + float64(5*j)
		}
		d.Y[i], d.W[i], d.Offset[i] = 10*r.NormFloat64(), .1+r.ExpFloat64(), r.NormFloat64()
	}
	priors := fit.Priors{Intercept: randomPrior(t, r), Coef: make([]fit.Prior, p)}
	for j := range priors.Coef {
		priors.Coef[j] = randomPrior(t, r)
	}
	return d, priors
}

func randomPrior(t *rapid.T, r *rand.Rand) fit.Prior {
	if rapid.Bool().Draw(t, "flat") {
		return fit.Prior{}
	}
	return fit.Prior{Mean: 2 * r.NormFloat64(), SD: .1 + r.ExpFloat64()}
}

// direct solves the same problem by gonum's QR on all rows, the priors being rows too.
func direct(d fit.Data, p fit.Priors, w, z []float64) []float64 {
	width := len(p.Coef)
	var rows [][]float64
	var y []float64
	for i, x := range d.X {
		row := append([]float64{1}, x...)
		s := math.Sqrt(w[i])
		for j := range row {
			row[j] *= s
		}
		rows, y = append(rows, row), append(y, s*z[i])
	}
	for j, prior := range append([]fit.Prior{p.Intercept}, p.Coef...) {
		if prior.SD > 0 {
			row := make([]float64, width+1)
			row[j] = 1 / prior.SD
			rows, y = append(rows, row), append(y, prior.Mean/prior.SD)
		}
	}
	a := mat.NewDense(len(rows), width+1, slices.Concat(rows...))
	var b mat.VecDense
	if err := b.SolveVec(a, mat.NewVecDense(len(y), y)); err != nil {
		panic(err)
	}
	return b.RawVector().Data
}

func coefficients(m fit.Model) []float64 { return append([]float64{m.Intercept}, m.Coef...) }

func TestLinearIsGonumsLeastSquares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, p := problem(t)
		got, err := fit.Linear(d, p)
		if err != nil {
			t.Fatal(err)
		}
		z := make([]float64, len(d.Y))
		for i := range z {
			z[i] = d.Y[i] - d.Offset[i]
		}
		same(t, coefficients(got.Model), direct(d, p, d.W, z), 1e-7)
	})
}

// A fit by reweighting has ended where the score, prior included, is zero.
func TestCountsAndChoicesEndWhereTheScoreIsZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, p := problem(t)
		for j := range p.Coef { // without priors small samples may have no maximum
			p.Coef[j].SD = min(max(p.Coef[j].SD, .1), 1)
		}
		p.Intercept.SD = min(max(p.Intercept.SD, .1), 1)
		for _, x := range d.X {
			for j := range x {
				x[j] = math.Remainder(x[j], 2)
			}
		}
		logistic := rapid.Bool().Draw(t, "logistic")
		v := fit.Variance{Phi: rapid.Float64Range(1, 4).Draw(t, "phi"), Kappa: rapid.Float64Range(0, .5).Draw(t, "kappa")}
		for i := range d.Y {
			if d.Y[i] = math.Floor(math.Abs(d.Y[i])); logistic {
				d.Y[i] = math.Mod(d.Y[i], 2)
			}
		}
		got, err := fitted(logistic, d, p, v)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Converged {
			t.Fatalf("%d iterations were not enough", got.Iterations)
		}
		for j, s := range score(logistic, d, p, v, got.Model) {
			if math.Abs(s) > 1e-4 {
				t.Fatalf("the score of coefficient %d is %v", j, s)
			}
		}
	})
}

// Whole steps would jump to and fro over the end of some of these fits for ever.
func TestAFitThatJumpsOverItsEndComesToIt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	missed := 0
	for range 3000 {
		n, p := 7, 5
		d, priors := fit.Data{}, fit.Priors{Intercept: fit.Prior{SD: 1}}
		for range p {
			priors.Coef = append(priors.Coef, fit.Prior{Mean: 2 * r.NormFloat64(), SD: 1})
		}
		for range n {
			x := make([]float64, p)
			for j := range x {
				x[j] = 2*r.Float64() - 1
			}
			d.X, d.Y = append(d.X, x), append(d.Y, math.Floor(math.Abs(10*r.NormFloat64())))
			d.W, d.Offset = append(d.W, .1+r.ExpFloat64()), append(d.Offset, r.NormFloat64())
		}
		v := fit.Variance{Phi: 1, Kappa: .5}
		got, err := fitted(false, d, priors, v)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Converged {
			missed++
		}
		for j, s := range score(false, d, priors, v, got.Model) {
			if got.Converged && math.Abs(s) > 1e-4 {
				t.Fatalf("the score of coefficient %d is %v", j, s)
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of 3000 fits did not end", missed)
	}
}

func fitted(logistic bool, d fit.Data, p fit.Priors, v fit.Variance) (*fit.Solution, error) {
	if logistic {
		return fit.Logistic(d, p, fit.Steps{Iterations: 500})
	}
	return fit.Poisson(d, p, v, fit.Steps{Iterations: 500, EtaMin: -30, EtaMax: 30}) // beyond the clip the score is another one
}

func score(logistic bool, d fit.Data, p fit.Priors, v fit.Variance, m fit.Model) []float64 {
	s := make([]float64, len(p.Coef)+1)
	for i, x := range d.X {
		eta := m.Eta(x) + d.Offset[i]
		r := d.W[i] * (d.Y[i] - fit.Sigmoid(eta))
		if !logistic {
			mu := math.Exp(eta)
			r = d.W[i] * (d.Y[i] - mu) * mu / v.At(mu)
		}
		for j, a := range append([]float64{1}, x...) {
			s[j] += r * a
		}
	}
	for j, prior := range append([]fit.Prior{p.Intercept}, p.Coef...) {
		if prior.SD > 0 {
			s[j] -= (coefficients(m)[j] - prior.Mean) / prior.SD / prior.SD
		}
	}
	return s
}

func TestKnownTruthIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var counts, choices fit.Data
	for range 20_000 {
		x := []float64{r.NormFloat64(), float64(r.IntN(2))}
		counts.X, counts.Y = append(counts.X, x), append(counts.Y, knuth(r, math.Exp(.5+.3*x[0]-.7*x[1])))
		y := 0.0
		if r.Float64() < fit.Sigmoid(-1+.8*x[0]+.5*x[1]) {
			y = 1
		}
		choices.X, choices.Y = append(choices.X, x), append(choices.Y, y)
	}
	m, err := fit.Poisson(counts, fit.Priors{}, fit.PoissonVariance, fit.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, coefficients(m.Model), []float64{.5, .3, -.7}, .03)
	l, err := fit.Logistic(choices, fit.Priors{}, fit.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, coefficients(l.Model), []float64{-1, .8, .5}, .08)
}

// knuth draws a Poisson number by multiplying uniforms.
func knuth(r *rand.Rand, mean float64) (n float64) {
	for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
		n++
	}
	return n
}

func TestWithoutRowsThePriorIsTheAnswer(t *testing.T) {
	p := fit.Priors{Intercept: fit.Prior{Mean: -3, SD: 1}, Coef: []fit.Prior{{Mean: .5, SD: .2}, {Mean: -1, SD: .3}}}
	for name, run := range map[string]func() (*fit.Solution, error){
		"linear":   func() (*fit.Solution, error) { return fit.Linear(fit.Data{}, p) },
		"poisson":  func() (*fit.Solution, error) { return fit.Poisson(fit.Data{}, p, fit.PoissonVariance, fit.Steps{}) },
		"logistic": func() (*fit.Solution, error) { return fit.Logistic(fit.Data{}, p, fit.Steps{}) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := run()
			if err != nil {
				t.Fatal(err)
			}
			same(t, coefficients(got.Model), []float64{-3, .5, -1}, 1e-8)
			sd, err := got.Posterior.SD()
			if err != nil {
				t.Fatal(err)
			}
			same(t, sd, []float64{1, .2, .3}, 1e-8)
		})
	}
}

func TestUselessColumnsStayAtTheirPriors(t *testing.T) {
	d := fit.Data{Y: []float64{1, 2, 4, 3}, X: [][]float64{{1, 7, 1}, {2, 7, 2}, {3, 7, 3}, {4, 7, 4}}}
	got, err := fit.Linear(d, fit.Priors{Coef: []fit.Prior{{}, {Mean: 9, SD: 1}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.Coef[1]-9) > 1e-6 {
		t.Errorf("the constant column has %v, want its prior mean 9", got.Coef[1])
	}
	same(t, []float64{got.Coef[0], got.Coef[2]}, []float64{.4, .4}, 1e-3) // they share the slope .8
}

func TestNonsenseIsRefused(t *testing.T) {
	good := func() fit.Data {
		return fit.Data{X: [][]float64{{1, 2}, {3, 4}, {5, 7}}, Y: []float64{1, 0, 1}, W: []float64{1, 1, 1}, Offset: []float64{0, 0, 0}}
	}
	for name, spoil := range map[string]func(*fit.Data, *fit.Priors){
		"NaN feature":       func(d *fit.Data, _ *fit.Priors) { d.X[1][1] = math.NaN() },
		"infinite feature":  func(d *fit.Data, _ *fit.Priors) { d.X[1][1] = math.Inf(-1) },
		"ragged row":        func(d *fit.Data, _ *fit.Priors) { d.X[1] = []float64{3} },
		"NaN observation":   func(d *fit.Data, _ *fit.Priors) { d.Y[2] = math.NaN() },
		"infinite offset":   func(d *fit.Data, _ *fit.Priors) { d.Offset[0] = math.Inf(1) },
		"negative weight":   func(d *fit.Data, _ *fit.Priors) { d.W[0] = -1 },
		"NaN weight":        func(d *fit.Data, _ *fit.Priors) { d.W[0] = math.NaN() },
		"missing y":         func(d *fit.Data, _ *fit.Priors) { d.Y = d.Y[:2] },
		"missing weight":    func(d *fit.Data, _ *fit.Priors) { d.W = d.W[:2] },
		"missing offset":    func(d *fit.Data, _ *fit.Priors) { d.Offset = d.Offset[:2] },
		"too few priors":    func(_ *fit.Data, p *fit.Priors) { p.Coef = make([]fit.Prior, 1) },
		"NaN prior":         func(_ *fit.Data, p *fit.Priors) { p.Intercept.Mean = math.NaN() },
		"negative prior sd": func(_ *fit.Data, p *fit.Priors) { p.Coef = []fit.Prior{{SD: -1}, {}} },
		"nothing at all":    func(d *fit.Data, _ *fit.Priors) { *d = fit.Data{} },
	} {
		t.Run(name, func(t *testing.T) {
			d, p := good(), fit.Priors{}
			spoil(&d, &p)
			for _, err := range []error{second(fit.Linear(d, p)), second(fit.Poisson(d, p, fit.PoissonVariance, fit.Steps{})), second(fit.Logistic(d, p, fit.Steps{}))} {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("got %v, want fault.Invalid", err)
				}
			}
		})
	}
	d := good()
	d.Y[0] = -1
	if err := second(fit.Poisson(d, fit.Priors{}, fit.PoissonVariance, fit.Steps{})); !fault.Is(err, fault.Invalid) {
		t.Errorf("a count of -1: got %v", err)
	}
	if err := second(fit.Logistic(d, fit.Priors{}, fit.Steps{})); !fault.Is(err, fault.Invalid) {
		t.Errorf("an observation of -1: got %v", err)
	}
	if err := second(fit.Poisson(good(), fit.Priors{}, fit.Variance{}, fit.Steps{})); !fault.Is(err, fault.Invalid) {
		t.Errorf("no variance: got %v", err)
	}
}

func second(_ *fit.Solution, err error) error { return err }

func TestDrawsScatterLikeThePosterior(t *testing.T) {
	p := &fit.Posterior{Mean: []float64{1, -2}, Precision: [][]float64{{4, 1}, {1, 2}}}
	r := rand.New(rand.NewPCG(3, 3))
	var mean, cov [2]float64 // means; variance of the first, covariance
	const n = 40_000
	for range n {
		x, err := p.Draw(1, []float64{r.NormFloat64(), r.NormFloat64()})
		if err != nil {
			t.Fatal(err)
		}
		mean[0] += x[0] / n
		mean[1] += x[1] / n
		cov[0] += (x[0] - 1) * (x[0] - 1) / n
		cov[1] += (x[0] - 1) * (x[1] + 2) / n
	}
	same(t, []float64{mean[0], mean[1], cov[0], cov[1]}, []float64{1, -2, 2. / 7, -1. / 7}, .02)
	if _, err := p.Draw(1, []float64{0}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one number for two coefficients: got %v", err)
	}
}

func TestTheResultDoesNotDependOnProcessors(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var d fit.Data
	for range 9_000 {
		d.X, d.Y = append(d.X, []float64{r.NormFloat64(), r.ExpFloat64()}), append(d.Y, r.NormFloat64())
	}
	many, err := fit.Linear(d, fit.Priors{})
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, err := fit.Linear(d, fit.Priors{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(coefficients(one.Model), coefficients(many.Model)) {
		t.Errorf("%v on one processor, %v on many", coefficients(one.Model), coefficients(many.Model))
	}
}

func same(t interface{ Fatalf(string, ...any) }, got, want []float64, tolerance float64) {
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for j := range got {
		if !(math.Abs(got[j]-want[j]) <= tolerance*max(1, math.Abs(want[j]))) {
			t.Fatalf("coefficient %d: got %v, want %v", j, got, want)
		}
	}
}

func BenchmarkLinearMillion(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 9))
	d := fit.Data{X: make([][]float64, 1_000_000), Y: make([]float64, 1_000_000)}
	for i := range d.X {
		d.X[i] = make([]float64, 20)
		for j := range d.X[i] {
			d.X[i][j] = r.NormFloat64()
		}
		d.Y[i] = r.NormFloat64()
	}
	for b.Loop() {
		if _, err := fit.Linear(d, fit.Priors{}); err != nil {
			b.Fatal(err)
		}
	}
}
