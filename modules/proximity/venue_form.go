package proximity

import (
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// apply makes the one change that a form of the venue's page asks for: what says of
// which kind, was names the row, do says whether it goes.
func (v *Venue) apply(f *formReader) error {
	was, gone := f.Get("was"), f.Get("do") == "remove"
	switch f.Get("what") {
	case "venue":
		return readVenueForm(f).into(f, v)
	case "zone":
		return v.applyZone(f, was, gone)
	case "beacon":
		v.Beacons = replace(v.Beacons, func(b Beacon) bool { return b.Code == was }, gone, Beacon{Code: f.Get("code"), Zone: f.Get("zone"), X: f.number("x"), Y: f.number("y")})
	case "stall":
		t := Stall{Name: f.Get("name"), Zone: f.Get("zone"), X: f.number("x"), Y: f.number("y"), Servers: f.whole("servers"), QueueHigh: f.whole("queue_high"), Pinned: f.Get("pinned") != "", Tills: words(f.Get("tills"))}
		if old := v.stall(was); old != nil {
			t.ID = old.ID
		}
		v.Stalls = replace(v.Stalls, func(t Stall) bool { return t.Name == was }, gone, t)
	default:
		return fault.BadField("proximity.form", "what", "is unknown", "venue, zone, beacon or stall")
	}
	return f.err()
}

// applyZone renames the zone where beacons and stalls name it; a zone that goes takes
// its beacons along.
func (v *Venue) applyZone(f *formReader, was string, gone bool) error {
	z := Zone{Name: strings.TrimSpace(f.Get("name")), Kind: f.Get("kind"), Width: f.number("width")}
	if !gone {
		z.Outline = corners(f)
	}
	if old := v.zone(was); old != nil {
		z.ID = old.ID
	}
	for i := range v.Stalls {
		if t := &v.Stalls[i]; was != "" && t.Zone == was {
			if t.Zone = z.Name; gone {
				t.Zone = ""
			}
		}
	}
	if gone {
		v.Beacons = slices.DeleteFunc(v.Beacons, func(b Beacon) bool { return b.Zone == was })
	}
	for i := range v.Beacons {
		if was != "" && v.Beacons[i].Zone == was {
			v.Beacons[i].Zone = z.Name
		}
	}
	v.Zones = replace(v.Zones, func(z Zone) bool { return z.Name == was }, gone, z)
	return f.err()
}

// replace puts one in place of the row that is meant, or at the end when there is none;
// gone takes the row away.
func replace[T any](all []T, meant func(T) bool, gone bool, one T) []T {
	i := slices.IndexFunc(all, meant)
	switch {
	case gone && i >= 0:
		return slices.Delete(all, i, i+1)
	case gone:
		return all
	case i >= 0:
		all[i] = one
		return all
	}
	return append(all, one)
}

// corners reads an outline as it is typed: "0,0 10,0 10,5".
func corners(f *formReader) []Point {
	var out []Point
	for pair := range strings.FieldsSeq(f.Get("outline")) {
		x, y, ok := strings.Cut(strings.Trim(pair, ";()"), ",")
		px, err1 := strconv.ParseFloat(x, 64)
		py, err2 := strconv.ParseFloat(y, 64)
		if !ok || err1 != nil || err2 != nil {
			f.wrong = append(f.wrong, fault.Field{Name: "outline", Problem: strconv.Quote(pair) + " is no corner", Fix: "x,y in metres, with a space between corners: 0,0 10,0 10,5"})
			return nil
		}
		out = append(out, Point{px, py})
	}
	return out
}

func cornersText(outline []Point) string {
	out := make([]string, len(outline))
	for i, p := range outline {
		out[i] = short(p[0]) + "," + short(p[1])
	}
	return strings.Join(out, " ")
}

// drawing is a plan with what lies on it, for an SVG whose unit is a metre.
type drawing struct {
	Width, Height string
	Picture       string // address of the floor plan; "": none
	Zones         []drawnZone
	Beacons       []drawnDot
	Stalls        []drawnDot
	Grid          []string // metres of the lines of a plan without a picture
	Text          string   // size of names
}

type drawnZone struct{ Name, Kind, Points, X, Y string }

type drawnDot struct{ Name, X, Y, R string }

func drawingOf(v *Venue) drawing {
	d := drawing{Width: short(v.Width), Height: short(v.Height)}
	size := max(v.Width, v.Height)
	text := strconv.FormatFloat(size/45, 'f', 2, 64)
	d.Text = text
	if v.Plan != nil {
		d.Picture = "/venues/" + v.ID.String() + "/plan?v=" + v.Plan.Tag
	}
	for _, z := range v.Zones {
		x, y := middle(z.Outline)
		d.Zones = append(d.Zones, drawnZone{z.Name, z.Kind, cornersText(z.Outline), short(x), short(y)})
	}
	dot := strconv.FormatFloat(size/160, 'f', 2, 64)
	for _, b := range v.Beacons {
		d.Beacons = append(d.Beacons, drawnDot{b.Code, short(b.X), short(b.Y), dot})
	}
	for _, t := range v.Stalls {
		d.Stalls = append(d.Stalls, drawnDot{t.Name, short(t.X), short(t.Y), dot})
	}
	return d
}

// middle of an outline: the mean of its corners.
func middle(p []Point) (x, y float64) {
	for _, c := range p {
		x, y = x+c[0]/float64(len(p)), y+c[1]/float64(len(p))
	}
	return x, y
}
