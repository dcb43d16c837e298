package heatmap

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"slices"
	"testing"
)

func TestRender(t *testing.T) {
	in := slices.Concat(fill(CellAt(0, 0), "a", 12), fill(CellAt(1, 0), "d", 60), fill(CellAt(3, 5), "b", 3), fill(CellAt(6, 3), "c", 14))
	half := func(c Cell) string { return string(rune('a' + c.Column()/8)) }
	p := Publish(noon, Grid{Columns: 16, Rows: 8}, []string{"a", "b"}, half, slices.Concat(in, fill(CellAt(4, 12), "e", 25)), 1)
	p.Blocks = slices.DeleteFunc(p.Blocks, func(b Block) bool { return b.Zone == "b" }) // as if it were "< 10"
	plan := image.NewUniform(color.NRGBA{0xff, 0xee, 0xdd, 0xff})
	var file bytes.Buffer
	if err := WritePNG(&file, subImage{plan}, 12, SheetOf(p)); err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("HEATMAP_PNG"); name != "" { // to look at it
		_ = os.WriteFile(name, file.Bytes(), 0o600)
	}
	m, err := png.Decode(&file)
	if err != nil || m.Bounds().Dx() != 16*12+legendWidth {
		t.Fatalf("%v, %v", m.Bounds(), err)
	}
	full, pale := m.At(3, 15), m.At(5*12+6, 6)
	if luminance(full) > luminance(pale)/2 {
		t.Errorf("the full cell is %v, an almost empty one %v", full, pale)
	}
	if hidden, none := color.NRGBAModel.Convert(m.At(8*12, 8)), color.NRGBAModel.Convert(m.At(8*12+1, 8)); hidden != color.Color(Hidden) || none != plan.C {
		t.Errorf("a cell without a number is %v and %v, want stripes on the plan", hidden, none)
	}
	if _, err := Render(nil, 64, Sheet{Grid: Grid{9999, 9999}}); err == nil {
		t.Error("a picture of 4·10¹¹ pixels was drawn")
	}
}

// subImage gives a uniform colour a size.
type subImage struct{ *image.Uniform }

func (subImage) Bounds() image.Rectangle { return image.Rect(0, 0, 10, 5) }

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	return 0.2126*float64(r) + 0.7152*float64(g) + 0.0722*float64(b)
}

// Each level is darker than the one before, as seen by people without one kind of cones
// too (simulation matrices of Viénot, Brettel and Mollon, 1999, in linear light).
func TestThePaletteReadsWithoutColours(t *testing.T) {
	linear := func(v uint8) float64 { return math.Pow(float64(v)/255, 2.2) }
	kinds := map[string][3][3]float64{
		"all cones":  {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"no L cones": {{0.1121, 0.8853, -0.0005}, {0.1127, 0.8897, -0.0001}, {0.0045, 0.0001, 1.0019}},
		"no M cones": {{0.2920, 0.7054, -0.0003}, {0.2934, 0.7089, 0}, {-0.0209, 0.0256, 1.0007}},
	}
	for kind, m := range kinds {
		last := 2.0
		for i, c := range Palette {
			rgb := [3]float64{linear(c.R), linear(c.G), linear(c.B)}
			var seen [3]float64
			for row := range m {
				for k := range rgb {
					seen[row] += m[row][k] * rgb[k]
				}
			}
			y := 0.2126*seen[0] + 0.7152*seen[1] + 0.0722*seen[2]
			if ratio := (last + 0.05) / (y + 0.05); ratio < 1.15 {
				t.Errorf("%s: level %s stands %.2f to 1 against the one before", kind, Levels[i], ratio)
			}
			last = y
		}
	}
}
