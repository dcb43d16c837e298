package admission

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// quietZone is the empty border of a QR code, in modules. Source: ISO/IEC 18004, 6.3.8.
const quietZone = 4

// Picture is a QR code as the path of an SVG: Side is the width in modules, border
// included, and Path draws the dark ones.
type Picture struct {
	Side int
	Path string
}

// Draw makes the picture of a code. Error correction M: a display in the sun, a
// creased sheet. Errors: fault.Internal when the text is too long.
func Draw(code string) (Picture, error) {
	q, err := qr.Encode(code, qr.M)
	if err != nil {
		return Picture{}, fault.E("admission.Draw", fault.Internal, "cannot draw the code", err)
	}
	var b strings.Builder
	for y := range q.Size {
		for x := 0; x < q.Size; x++ {
			from := x
			for x < q.Size && q.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return Picture{q.Size + 2*quietZone, b.String()}, nil
}
