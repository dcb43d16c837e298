package proximity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Bounds of a floor plan's picture.
const (
	maxPlan   = 4 << 20 // bytes
	maxPixels = 10_000  // a side
	maxDepth  = 200     // of an SVG's elements
)

// PutPlan stores the floor plan: an SVG or a PNG. width is what the whole picture
// measures in metres, 0 for what the venue has; its height follows from the picture's
// proportions. Errors: fault.NotFound; fault.Invalid when the picture is neither, or
// what is drawn would lie outside.
func (s *Service) PutPlan(ctx context.Context, venue id.ID, picture []byte, width float64) (Venue, error) {
	p, ratio, err := readPlan(picture)
	if err != nil {
		return Venue{}, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		v, err := lockVenue(tx, venue)
		if err != nil {
			return err
		}
		if width > 0 {
			v.Width = width
		}
		v.Height = math.Round(v.Width/ratio*100) / 100
		if err := v.check(); err != nil {
			return err
		}
		return setPlan(tx, venue, p, picture, v.Width, v.Height)
	})
	if err != nil {
		return Venue{}, err
	}
	return s.Venue(ctx, venue)
}

// readPlan tells what a picture is, and its width divided by its height.
func readPlan(picture []byte) (p Plan, ratio float64, err error) {
	if len(picture) > maxPlan {
		return p, 0, fault.E("proximity.PutPlan", fault.TooLarge, "the picture is larger than 4 MB", nil).WithFix("send a smaller one")
	}
	sum := sha256.Sum256(picture)
	p.Tag = hex.EncodeToString(sum[:8])
	if bytes.HasPrefix(picture, []byte("\x89PNG\r\n\x1a\n")) {
		p.Type = "image/png"
		c, err := png.DecodeConfig(bytes.NewReader(picture))
		if err != nil || c.Width > maxPixels || c.Height > maxPixels {
			return p, 0, badPlan(fmt.Sprintf("the PNG cannot be read, or has a side of more than %d pixels", maxPixels), err)
		}
		return p, float64(c.Width) / float64(c.Height), nil
	}
	p.Type = "image/svg+xml"
	ratio, err = readSVG(picture)
	return p, ratio, err
}

func badPlan(problem string, err error) error {
	return fault.E("proximity.PutPlan", fault.Invalid, problem, err).WithFix("an SVG with a viewBox, or a PNG")
}

// readSVG checks that the picture is well-formed SVG without a document type, and
// gives its proportions. What an SVG may do is bounded where it is shown: as an image,
// and under a content policy of its own (pages_plan.go).
func readSVG(picture []byte) (ratio float64, err error) {
	dec := xml.NewDecoder(bytes.NewReader(picture))
	dec.Entity = map[string]string{} // only XML's own
	depth := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, badPlan("the picture is neither a PNG nor well-formed SVG", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return 0, badPlan("the SVG has a document type, which may define entities", nil)
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return 0, badPlan("the SVG is nested too deeply", nil)
			}
			if ratio == 0 {
				if ratio = proportions(t); ratio == 0 {
					return 0, badPlan("the picture is no SVG, or states no viewBox and no width and height", nil)
				}
			}
		case xml.EndElement:
			depth--
		}
	}
	if ratio == 0 {
		return 0, badPlan("the picture is empty", nil)
	}
	return ratio, nil
}

// proportions of an svg element: width divided by height; 0 when it states none.
func proportions(root xml.StartElement) float64 {
	if root.Name.Local != "svg" || root.Name.Space != "" && root.Name.Space != "http://www.w3.org/2000/svg" {
		return 0
	}
	attr := map[string]string{}
	for _, a := range root.Attr {
		attr[a.Name.Local] = a.Value
	}
	var w, h float64
	if box := strings.FieldsFunc(attr["viewBox"], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }); len(box) == 4 {
		w, h = length(box[2]), length(box[3])
	} else {
		w, h = length(attr["width"]), length(attr["height"])
	}
	if ratio := w / h; w > 0 && h > 0 && ratio > 0.001 && ratio < 1000 {
		return ratio
	}
	return 0
}

func length(s string) float64 {
	n, err := strconv.ParseFloat(strings.TrimRight(strings.TrimSpace(s), "pxcmtin%"), 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0
	}
	return n
}
