package heatmap

import (
	"image"
	"image/color"
	"math"
)

// pen draws in metres on a part of a picture.
type pen struct {
	out   *image.NRGBA
	on    image.Rectangle
	scale float64 // pixels a metre
}

var moved = color.NRGBA{0xb3, 0x26, 0x1e, 0xff}

// line is two pixels wide.
func (p pen) line(from, to [2]float64) {
	steps := int(math.Hypot(to[0]-from[0], to[1]-from[1])*p.scale) + 1
	for i := range steps + 1 {
		f := float64(i) / float64(steps)
		x, y := int((from[0]+(to[0]-from[0])*f)*p.scale), int((from[1]+(to[1]-from[1])*f)*p.scale)
		for _, d := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			p.set(x+d[0], y+d[1], ink)
		}
	}
}

func (p pen) set(x, y int, c color.NRGBA) {
	if at := (image.Point{x, y}).Add(p.on.Min); at.In(p.on) {
		p.out.SetNRGBA(at.X, at.Y, c)
	}
}

// dot is a disc with its number beside it.
func (p pen) dot(d Dot) {
	const radius = 5
	fill := ink
	if d.Moved {
		fill = moved
	}
	cx, cy := int(d.X*p.scale), int(d.Y*p.scale)
	for y := -radius - 1; y <= radius+1; y++ {
		for x := -radius - 1; x <= radius+1; x++ {
			switch r := x*x + y*y; {
			case r <= radius*radius:
				p.set(cx+x, cy+y, fill)
			case r <= (radius+1)*(radius+1):
				p.set(cx+x, cy+y, paper)
			}
		}
	}
	at := p.on.Min.Add(image.Pt(cx+radius+3, cy-radius))
	back := image.Rect(at.X-1, at.Y-1, at.X+4*dot*len(d.Label), at.Y+5*dot+1).Intersect(p.on)
	for y := back.Min.Y; y < back.Max.Y; y++ {
		for x := back.Min.X; x < back.Max.X; x++ {
			p.out.SetNRGBA(x, y, paper)
		}
	}
	write(p.out, at.X, at.Y, d.Label)
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
