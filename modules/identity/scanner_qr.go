package identity

import "github.com/usherhq/usher/modules/kernel/qr"

// qrPicture draws text as a QR code: the sides of the picture in modules, and an
// SVG path of its dark ones.
func qrPicture(text string) (side int, path string, err error) {
	p, err := qr.Draw(text)
	return p.Side, p.Path, err
}
