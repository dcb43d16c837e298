package proximity

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

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
	plan, err := s.planImage(ctx, &v)
	if err != nil {
		return err
	}
	sheet := heatmap.SheetOf(found[0])
	sheet.Lines = v.outlines()
	return sendPNG(c, e.Name+"-"+at.Format("20060102-1504")+".png", plan, cellPixels(&v, 1), sheet)
}

// planImage is the floor plan as pixels; nil when it is an SVG, or none.
func (s *Service) planImage(ctx context.Context, v *Venue) (image.Image, error) {
	if v.Plan == nil || v.Plan.Type != "image/png" {
		return nil, nil
	}
	_, picture, err := s.Picture(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	plan, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, nil //nolint:nilerr // a damaged plan leaves the sheet white
	}
	return plan, nil
}

// pageLayoutPNG is the arrangement before and, if there is a better one, after.
func (s *Service) pageLayoutPNG(c echo.Context) error {
	ctx := c.Request().Context()
	report, v, err := s.Layout(ctx, c.QueryParam("event"))
	if err != nil {
		return err
	}
	if !report.Complete {
		return fault.E("proximity.layout", fault.NotFound, "the ways to the stalls are not known before the event is over", nil).WithFix("come back a quarter of an hour after its end")
	}
	plan, err := s.planImage(ctx, &v)
	if err != nil {
		return err
	}
	sheets := []heatmap.Sheet{report.sheet(&v, "before", report.sites)}
	if b := report.Better; b != nil {
		sheets = append(sheets, report.sheet(&v, "after", b.Sites))
	}
	return sendPNG(c, report.Event+"-layout.png", plan, cellPixels(&v, len(sheets)), sheets...)
}

// sendPNG draws first, so that what cannot be drawn is an error and no broken file.
func sendPNG(c echo.Context, name string, plan image.Image, cell int, sheets ...heatmap.Sheet) error {
	m, err := heatmap.Render(plan, cell, sheets...)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return fault.E("proximity.png", fault.Internal, "the picture cannot be written", err)
	}
	w := attach(c, "image/png", name)
	c.Response().Status = http.StatusOK
	_, err = w.Write(b.Bytes())
	return err
}
