package admission

import (
	"fmt"
	"strings"
	"testing"

	"rsc.io/qr"
)

// quietZone is what the standard asks for. Source: ISO/IEC 18004, 6.3.8.
const quietZone = 4

// The picture is read back module by module from its path.
func TestPictureHasTheModulesOfTheCode(t *testing.T) {
	p, err := Draw("USHER")
	if err != nil {
		t.Fatal(err)
	}
	dark := 0
	for part := range strings.SplitSeq(strings.TrimSuffix(p.Path, "z"), "z") {
		var x, y, w, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &w, &back); err != nil || w != back {
			t.Fatalf("%q: %v", part, err)
		}
		dark += w
		if x < quietZone || x+w > p.Side-quietZone || y < quietZone || y >= p.Side-quietZone {
			t.Errorf("%q draws into the border", part)
		}
	}
	q, _ := qr.Encode("USHER", qr.M)
	want := 0
	for y := range q.Size {
		for x := range q.Size {
			if q.Black(x, y) {
				want++
			}
		}
	}
	if dark != want || p.Side != q.Size+2*quietZone {
		t.Errorf("%d dark modules on %d, want %d", dark, p.Side, want)
	}
}
