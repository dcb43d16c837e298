package proximity

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// levelColour is the ramp of the levels, dark where it is full; the same as in venue.css.
var levelColour = map[heatmap.Level]color.RGBA{
	"A": {0xd5, 0xee, 0xe6, 255}, "B": {0x9c, 0xd7, 0xc4, 255}, "C": {0xf3, 0xd9, 0x7a, 255},
	"D": {0xea, 0xa2, 0x3d, 255}, "E": {0xcf, 0x58, 0x2b, 255}, "F": {0x8c, 0x16, 0x1a, 255},
}

// pageHeatPNG draws one published bin as a picture.
func (s *Service) pageHeatPNG(c echo.Context) error {
	ctx := c.Request().Context()
	e, err := s.Event(ctx, c.QueryParam("event"))
	if err != nil {
		return err
	}
	at, err := instant(c, "bin", time.Time{})
	if err != nil {
		return err
	}
	at = at.Truncate(heatmap.Bin)
	found, err := s.Heat(ctx, e.ID, at, at.Add(heatmap.Bin))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.E("proximity.heat", fault.NotFound, "there is no picture of that time", nil)
	}
	v, err := s.Venue(ctx, e.Venue)
	if err != nil {
		return err
	}
	w := attach(c, "image/png", e.Name+"-"+at.Format("20060102-1504")+".png")
	c.Response().Status = http.StatusOK
	return png.Encode(w, drawPicture(&v, &found[0]))
}

// pictureWide is the width of an exported picture in pixels.
const pictureWide = 1200.0

// drawPicture draws the blocks of a bin and the outlines of the zones.
func drawPicture(v *Venue, p *heatmap.Picture) image.Image {
	scale := pictureWide / max(v.Width, v.Height)
	img := image.NewRGBA(image.Rect(0, 0, max(int(v.Width*scale), 1), max(int(v.Height*scale), 1)))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{0xfb, 0xfa, 0xf6, 255}), image.Point{}, draw.Src)
	for i := range p.Blocks {
		b := &p.Blocks[i]
		fill := image.NewUniform(levelColour[b.Level])
		for _, r := range b.Runs {
			at := heatmap.Cell(r[0])
			x, y := float64(at.Column())*heatmap.CellSize*scale, float64(at.Row())*heatmap.CellSize*scale
			draw.Draw(img, image.Rect(int(x), int(y), int(math.Ceil(x+float64(r[1])*heatmap.CellSize*scale)), int(math.Ceil(y+heatmap.CellSize*scale))), fill, image.Point{}, draw.Src)
		}
	}
	ink := color.RGBA{0x1b, 0x24, 0x22, 255}
	for _, z := range v.Zones {
		for i, from := range z.Outline {
			line(img, from, z.Outline[(i+1)%len(z.Outline)], scale, ink)
		}
	}
	return img
}

// line draws a side of an outline, two pixels wide.
func line(img *image.RGBA, from, to Point, scale float64, ink color.RGBA) {
	steps := int(math.Hypot(to[0]-from[0], to[1]-from[1])*scale) + 1
	for i := range steps + 1 {
		f := float64(i) / float64(steps)
		x, y := int((from[0]+(to[0]-from[0])*f)*scale), int((from[1]+(to[1]-from[1])*f)*scale)
		for _, d := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			img.SetRGBA(x+d[0], y+d[1], ink)
		}
	}
}
