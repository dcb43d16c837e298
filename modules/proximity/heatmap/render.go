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

// Sheet is what is drawn of a floor plan: cells in the colours of their levels, outlines
// and dots.
type Sheet struct {
	Grid   Grid
	Levels map[Cell]Level
	Hidden bool           // cells without a level are "< 10", and striped
	Lines  [][][2]float64 // closed outlines, metres
	Dots   []Dot
	Title  string // of letters and digits that heatmap can write
}

// Dot is something on the plan with a number.
type Dot struct {
	X, Y  float64 // metres
	Label string
	Moved bool
}

// SheetOf is a published picture.
func SheetOf(p Picture) Sheet {
	s := Sheet{Grid: p.Grid, Levels: make(map[Cell]Level), Hidden: true}
	for i := range p.Blocks {
		for _, c := range p.Blocks[i].Cells() {
			s.Levels[c] = p.Blocks[i].Level
		}
	}
	return s
}

// Render draws sheets beside each other, cell pixels a cell (2 to 64), with a legend on
// their right. plan lies below each, stretched over the grid; nil: white.
func Render(plan image.Image, cell int, sheets ...Sheet) (*image.NRGBA, error) {
	cell = min(max(cell, 2), 64)
	width, height, titled := 0, 0, 0
	for _, s := range sheets {
		width, height = width+s.Grid.Columns*cell+legendRow, max(height, s.Grid.Rows*cell)
		if s.Title != "" {
			titled = legendRow
		}
	}
	width -= legendRow
	if width <= 0 || height <= 0 || width*height > mostPixels {
		return nil, fault.E("heatmap.Render", fault.Invalid, "the picture would have no pixels, or more than 50 million", nil).WithFix("draw fewer pixels a cell")
	}
	out := image.NewNRGBA(image.Rect(0, 0, width+legendWidth, max(height+titled, 9*legendRow)))
	draw.Draw(out, out.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	x := 0
	for _, s := range sheets {
		write(out, x+4, 8, s.Title)
		s.draw(out, x, titled, cell, plan)
		x += s.Grid.Columns*cell + legendRow
	}
	legend(out, width+12, len(sheets) > 0 && sheets[0].Hidden)
	return out, nil
}

func (s *Sheet) draw(out *image.NRGBA, left, top, cell int, plan image.Image) {
	all := image.Rect(left, top, left+s.Grid.Columns*cell, top+s.Grid.Rows*cell)
	stretch(out, all, plan)
	for row := range s.Grid.Rows {
		for column := range s.Grid.Columns {
			at := image.Rect(column*cell, row*cell, (column+1)*cell, (row+1)*cell).Add(all.Min)
			if level, ok := s.Levels[CellAt(row, column)]; ok {
				tint(out, at, colourOf(level))
			} else if s.Hidden {
				stripe(out, at)
			}
		}
	}
	on := pen{out, all, float64(cell) / CellSize}
	for _, outline := range s.Lines {
		for i, from := range outline {
			on.line(from, outline[(i+1)%len(outline)])
		}
	}
	frame(out, all)
	for _, d := range s.Dots {
		on.dot(d)
	}
}

// WritePNG writes what Render draws.
func WritePNG(w io.Writer, plan image.Image, cell int, sheets ...Sheet) error {
	m, err := Render(plan, cell, sheets...)
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
func legend(out *image.NRGBA, x int, hidden bool) {
	write(out, x, 8, "people/m²")
	for i, level := range Levels {
		y := (i + 1) * legendRow
		swatch := image.Rect(x, y, x+18, y+18)
		draw.Draw(out, swatch, image.NewUniform(Palette[i]), image.Point{}, draw.Src)
		frame(out, swatch)
		write(out, x+26, y+4, string(level)+" "+bounds(i))
	}
	if !hidden {
		return
	}
	y := (len(Levels) + 1) * legendRow
	swatch := image.Rect(x, y, x+18, y+18)
	stripe(out, swatch)
	frame(out, swatch)
	write(out, x+26, y+4, "<10 devices")
}
