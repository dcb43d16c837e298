package proximity

import (
	"bytes"
	"context"
	"image"
	"image/png"
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
