package detect_test

import (
	"math/rand/v2"
	"testing"

	"github.com/usherhq/usher/modules/analytics/detect"
)

func TestSpikeAndDipReportsWhatItsModeSays(t *testing.T) {
	for _, tc := range []struct {
		mode             detect.Mode
		atSpike, atDip   bool
		confidence, high float64
	}{
		{detect.Spikes, true, false, 95, 60},
		{detect.Dips, false, true, 95, 60},
		{detect.SpikesAndDips, true, true, 95, 60},
		{"both", true, true, 95, 60}, // unknown: everything
		{detect.SpikesAndDips, false, false, 100, 60},
	} {
		d := detect.NewSpikeAndDip(tc.confidence, 60, tc.mode)
		for i := range 60 {
			d.Update(30 + float64(i%7) - 3)
		}
		a, ok := d.Update(tc.high)
		if ok != tc.atSpike || ok && (a.Direction != detect.Up || a.Baseline != 30 || a.Observed != tc.high || a.Score > 0.001) {
			t.Errorf("%s at %v %%, a spike: %v %+v", tc.mode, tc.confidence, ok, a)
		}
		if a, ok = d.Update(1); ok != tc.atDip || ok && a.Direction != detect.Down {
			t.Errorf("%s at %v %%, a dip: %v %+v", tc.mode, tc.confidence, ok, a)
		}
	}
}

// The p-value is one: a normal series alarms about as often as the confidence says.
func TestSpikeAndDipKeepsItsConfidence(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, confidence := range []float64{80, 95, 99} {
		d := detect.NewSpikeAndDip(confidence, 120, detect.SpikesAndDips)
		const n = 20_000
		anomalies := 0
		for range n {
			if _, ok := d.Update(100 + 15*r.NormFloat64()); ok {
				anomalies++
			}
		}
		want := 1 - confidence/100
		if share := float64(anomalies) / n; share < 0.7*want || share > 1.5*want {
			t.Errorf("confidence %v: %.4f of normal values are anomalies", confidence, share)
		}
	}
}

func TestChangePointFindsALastingChangeAndFewOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const series, length = 100, 120
	normal := func(mean float64) float64 { return mean + 10*r.NormFloat64() }
	falseAlarms, missed, delays, wrong := 0, 0, 0, 0
	for range series {
		d := detect.NewChangePoint(95, length)
		for range 2 * length {
			if _, ok := d.Update(normal(50)); ok {
				falseAlarms++
			}
		}
		n, ok := 0, false
		var a detect.Alarm
		for ; !ok && n < 30; n++ {
			a, ok = d.Update(normal(80))
		}
		if !ok {
			missed++
			continue
		}
		delays += n
		if a.Direction != detect.Up || a.Observed < 60 {
			wrong++ // a false alarm that was on its way
		}
	}
	t.Logf("%d false alarms in %d histories, %d of %d missed, mean delay %.1f", falseAlarms, 2*series, missed, series, float64(delays)/float64(series-missed))
	if falseAlarms > 2*series/20 || missed > 0 || wrong > 3 || delays > 12*series {
		t.Error("not what it promises")
	}
}

func TestOneStrangeValueIsNoChangePoint(t *testing.T) {
	d := detect.NewChangePoint(90, 60)
	for i := range 60 {
		d.Update(float64(i % 5))
	}
	if _, ok := d.Update(1000); ok {
		t.Error("a single value passed for a change")
	}
}
