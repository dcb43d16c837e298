package admission

import "github.com/usherhq/usher/modules/kernel/qr"

// Picture is a QR code as the path of an SVG.
type Picture = qr.Picture

// Draw makes the picture of a code. Errors: fault.Internal when the text is too long.
func Draw(code string) (Picture, error) { return qr.Draw(code) }
