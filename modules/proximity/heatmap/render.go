package heatmap

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Palette is a colour for each of Levels, from pale to dark, so that it reads in grey,
// and to people who do not tell red from green.
// Source: the sequential scheme YlGnBu of C. Brewer, which is safe for colour-blind people.
var Palette = [...]color.NRGBA{
	{0xff, 0xff, 0xcc, 0xff}, {0xc7, 0xe9, 0xb4, 0xff}, {0x7f, 0xcd, 0xbb, 0xff},
	{0x41, 0xb6, 0xc4, 0xff}, {0x2c, 0x7f, 0xb8, 0xff}, {0x25, 0x34, 0x94, 0xff},
}

// Hidden is the colour of the stripes of cells that are "< 10".
var Hidden = color.NRGBA{0xb5, 0xb5, 0xb5, 0xff}

var (
	paper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	ink   = color.NRGBA{0x22, 0x22, 0x22, 0xff}
)

const (
	legendWidth = 150 // pixels
	legendRow   = 24
	mostPixels  = 50_000_000
)

// Render draws a picture, cell pixels a cell (2 to 64), with a legend on its right. plan
// lies below, stretched over the grid; nil: white.
func Render(p Picture, plan image.Image, cell int) (*image.NRGBA, error) {
	cell = min(max(cell, 2), 64)
	w, h := p.Grid.Columns*cell, p.Grid.Rows*cell
	if w <= 0 || h <= 0 || w*h > mostPixels {
		return nil, fault.E("heatmap.Render", fault.Invalid, "the picture would have no pixels, or more than 50 million", nil).WithFix("draw fewer pixels a cell")
	}
	out := image.NewNRGBA(image.Rect(0, 0, w+legendWidth, max(h, 9*legendRow)))
	draw.Draw(out, out.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	stretch(out, image.Rect(0, 0, w, h), plan)
	shown := make(map[Cell]Level)
	for i := range p.Blocks {
		for _, c := range p.Blocks[i].Cells() {
			shown[c] = p.Blocks[i].Level
		}
	}
	for row := range p.Grid.Rows {
		for column := range p.Grid.Columns {
			at := image.Rect(column*cell, row*cell, (column+1)*cell, (row+1)*cell)
			if level, ok := shown[CellAt(row, column)]; ok {
				tint(out, at, colourOf(level))
			} else {
				stripe(out, at)
			}
		}
	}
	legend(out, w+12)
	return out, nil
}

// WritePNG writes what Render draws.
func WritePNG(w io.Writer, p Picture, plan image.Image, cell int) error {
	m, err := Render(p, plan, cell)
	if err != nil {
		return err
	}
	return png.Encode(w, m)
}

func colourOf(l Level) color.NRGBA {
	for i, level := range Levels {
		if level == l {
			return Palette[i]
		}
	}
	return Hidden
}

// stretch draws plan over a rectangle, the nearest pixel for each.
func stretch(out *image.NRGBA, over image.Rectangle, plan image.Image) {
	if plan == nil || plan.Bounds().Empty() {
		return
	}
	b := plan.Bounds()
	for y := range over.Dy() {
		for x := range over.Dx() {
			out.Set(over.Min.X+x, over.Min.Y+y, plan.At(b.Min.X+x*b.Dx()/over.Dx(), b.Min.Y+y*b.Dy()/over.Dy()))
		}
	}
}

// tint lays a colour over the plan, which shines through.
func tint(out *image.NRGBA, at image.Rectangle, c color.NRGBA) {
	c.A = 0xc8
	draw.Draw(out, at, image.NewUniform(c), image.Point{}, draw.Over)
}

// stripe draws thin diagonal lines: no colour means a number.
func stripe(out *image.NRGBA, at image.Rectangle) {
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			if (x+y)%8 == 0 {
				out.SetNRGBA(x, y, Hidden)
			}
		}
	}
}

// legend lists the levels, the roomiest first, and what the stripes mean.
func legend(out *image.NRGBA, x int) {
	write(out, x, 8, "people/m²")
	for i, level := range Levels {
		y := (i + 1) * legendRow
		swatch := image.Rect(x, y, x+18, y+18)
		draw.Draw(out, swatch, image.NewUniform(Palette[i]), image.Point{}, draw.Src)
		frame(out, swatch)
		write(out, x+26, y+4, string(level)+" "+bounds(i))
	}
	y := (len(Levels) + 1) * legendRow
	swatch := image.Rect(x, y, x+18, y+18)
	stripe(out, swatch)
	frame(out, swatch)
	write(out, x+26, y+4, "<10 devices")
}

func frame(out *image.NRGBA, r image.Rectangle) {
	for x := r.Min.X; x < r.Max.X; x++ {
		out.SetNRGBA(x, r.Min.Y, ink)
		out.SetNRGBA(x, r.Max.Y-1, ink)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out.SetNRGBA(r.Min.X, y, ink)
		out.SetNRGBA(r.Max.X-1, y, ink)
	}
}
