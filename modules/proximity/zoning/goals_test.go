package zoning_test

import (
	"testing"

	"github.com/usherhq/usher/modules/proximity/proximitytest"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
)

func TestZoningReachesItsGoals(t *testing.T) {
	f := proximitytest.Zoning(world.HardRadio(), 1000)
	t.Logf("%+v", f)
	if f.Stays < 2000 {
		t.Errorf("only %d true stays", f.Stays)
	}
	if f.F1 < 0.95 {
		t.Errorf("F1 of enters and exits is %.3f, want at least 0.95", f.F1)
	}
	if f.Flaps > 0.05 {
		t.Errorf("%.3f flaps a visit, want at most 0.05", f.Flaps)
	}
	if f.DwellError > 10 {
		t.Errorf("the mean error of a dwell is %.1f s, want at most 10", f.DwellError)
	}
}
