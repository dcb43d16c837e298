package queueing_test

import (
	"fmt"
	"testing"

	"github.com/usherhq/usher/modules/proximity/proximitytest"
)

func TestQueueingReachesItsGoals(t *testing.T) {
	for _, g := range []struct{ share, people float64 }{{0.2, 0.35}, {0.4, 0.25}, {0.7, 0.18}} {
		share, goal := g.share, g.people
		t.Run(fmt.Sprintf("%.0f %% have the app", 100*share), func(t *testing.T) {
			f := proximitytest.Queues(share, 60, 0)
			t.Logf("%+v", f)
			if f.People > goal {
				t.Errorf("WAPE of people is %.3f, want at most %.2f", f.People, goal)
			}
			if share == 0.4 && f.Wait > 0.25 {
				t.Errorf("WAPE of waits is %.3f, want at most 0.25", f.Wait)
			}
			if f.Covered < 0.75 || f.Covered > 0.85 {
				t.Errorf("the 80 %% interval holds %.3f of the truth", f.Covered)
			}
		})
	}
}
