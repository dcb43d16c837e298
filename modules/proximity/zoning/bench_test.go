package zoning

import "testing"

// BenchmarkSight is one sighting of a listener: the state is read, moved on and written.
func BenchmarkSight(b *testing.B) {
	var d Device
	bar, stage := Zone{ID: "018f4d1e-7b1a-7c00-8000-000000000001", Level: 2}, Zone{ID: "018f4d1e-7b1a-7c00-8000-000000000002", Level: 2}
	play(&d, stage, 0, 5, -80)
	play(&d, bar, 5, 30, -60)
	state, err := d.Encode()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d, err := Decode(state)
		if err != nil {
			b.Fatal(err)
		}
		d.Sight(Sighting{sec(31), bar.ID, -62}, bar)
		if _, err := d.Encode(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(state)), "bytes/state")
}
