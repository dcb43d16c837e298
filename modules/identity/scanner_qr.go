package identity

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// quietZone is the empty border of a QR code, in modules. Source: ISO/IEC 18004, 6.3.8.
const quietZone = 4

// qrPicture draws text as a QR code: the sides of the picture in modules, and an
// SVG path of its dark ones. Error correction M: a display in the sun, a cheap camera.
func qrPicture(text string) (side int, path string, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return 0, "", fault.E("identity.qrPicture", fault.Internal, "cannot draw the code", err)
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return code.Size + 2*quietZone, b.String(), nil
}
