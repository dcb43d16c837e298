package markettest_test

import (
	"math"
	"testing"

	"github.com/usherhq/usher/modules/pricing/markettest"
)

// For exponential demand Gallego and van Ryzin give the optimum in closed form:
// V = (1/α) log Σ (Λ/e)^i / i!, i = 0 … n, with λ(p) = Λ e^{-αp}.
func TestTheOptimumIsThatOfTheClosedForm(t *testing.T) {
	const list, capacity, steps = 1000, 20, 2000
	for _, load := range []float64{.5, 1, 2} {
		m := markettest.Market{A: 0, B: 1.4, Capacity: capacity, List: list}
		for range steps {
			m.Truth = append(m.Truth, load*capacity/steps)
		}
		for p := int64(10); p <= 5000; p += 20 {
			m.Prices = append(m.Prices, p)
		}
		alpha, total := m.B/list, load*capacity*math.Exp(m.A+m.B)
		sum, term := 1.0, 1.0
		for i := 1; i <= capacity; i++ {
			term *= total / math.E / float64(i)
			sum += term
		}
		want := math.Log(sum) / alpha
		if got := m.Optimum(); math.Abs(got/want-1) > 3e-3 {
			t.Errorf("load %v: %.1f, the closed form says %.1f", load, got, want)
		}
	}
}

func TestBoundsAreInOrder(t *testing.T) {
	for i, m := range markettest.Markets(10, 1) {
		list, best, fluid := m.Fixed(m.List), m.Optimum(), m.Fluid()
		if !(list < best && best <= fluid*1.001) {
			t.Errorf("market %d: list %.0f, optimum %.0f, fluid bound %.0f", i, list, best, fluid)
		}
	}
}

type fixed int64

func (f fixed) Price(int, int, []int, []int64) int64 { return int64(f) }

func TestARunEarnsWhatTheProgramSays(t *testing.T) {
	m := markettest.Markets(1, 1)[0]
	sum, n := 0.0, 4000
	for seed := range n {
		sum += m.Run(uint64(seed), fixed(m.List)).Takings
	}
	if got, want := sum/float64(n), m.Fixed(m.List); math.Abs(got/want-1) > .01 {
		t.Errorf("%.0f on average, %.0f expected", got, want)
	}
}
