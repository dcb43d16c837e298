// Package qr draws QR codes: the path of an SVG, for tickets, keys and vouchers.
package qr

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// QuietZone is the empty border of a QR code, in modules. Source: ISO/IEC 18004, 6.3.8.
const QuietZone = 4

// Picture is a QR code as the path of an SVG: Side is the width in modules, border
// included, and Path draws the dark ones.
type Picture struct {
	Side int
	Path string
}

// Draw makes the picture of a text. Error correction M: a display in the sun, a creased
// sheet, a cheap camera. Errors: fault.Internal when the text is too long.
func Draw(text string) (Picture, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return Picture{}, fault.E("qr.Draw", fault.Internal, "cannot draw the code", err)
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+QuietZone, y+QuietZone, x-from, x-from)
			}
		}
	}
	return Picture{code.Size + 2*QuietZone, b.String()}, nil
}
