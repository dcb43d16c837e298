package choice_test

import (
	"testing"

	"github.com/usherhq/usher/modules/proximity/proximitytest"
)

func TestChoiceReachesItsGoals(t *testing.T) {
	figures, err := proximitytest.Choices(4, 2000)
	if err != nil {
		t.Fatal(err)
	}
	random, pooled := figures[0], figures[1]
	for _, f := range figures {
		t.Logf("%-8s %.3f of the oracle at 2,000 sends, %.3f on average", f.Policy, f.Share, f.Average)
		if f.Share > pooled.Share {
			t.Errorf("%s is better than the default", f.Policy)
		}
	}
	if pooled.Share < 0.85 || pooled.Share-random.Share < 0.12 {
		t.Errorf("the default reaches %.3f of the oracle, random %.3f; want 0.85, and 0.12 more than random", pooled.Share, random.Share)
	}
}
