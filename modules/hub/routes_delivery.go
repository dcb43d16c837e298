package hub

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/sheet"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) getDeliveries(c echo.Context) error {
	nid, err := notificationID(c)
	if err != nil {
		return err
	}
	n, err := s.Notification(c.Request().Context(), nid)
	if err != nil {
		return err
	}
	if c.QueryParam("format") == "csv" {
		return s.writeDeliveries(c, n)
	}
	from := deliveryPlace{No: noPlace}
	if cursor := c.QueryParam("cursor"); cursor != "" {
		if from, err = web.DecodeCursor[deliveryPlace](cursor); err != nil {
			return err
		}
	}
	limit, err := web.Limit(c, 100, 1000)
	if err != nil {
		return err
	}
	list, next, err := s.Deliveries(c.Request().Context(), n, from, limit)
	if err != nil {
		return err
	}
	page := web.Page[Delivery]{Items: list}
	if next != nil {
		page.Next = web.EncodeCursor(next)
	}
	return c.JSON(http.StatusOK, page)
}

// writeDeliveries streams every outcome as CSV, a page at a time.
func (s *Service) writeDeliveries(c echo.Context, n Notification) error {
	h := c.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="deliveries-`+n.ID.String()+`.csv"`)
	w := csv.NewWriter(c.Response())
	if err := w.Write([]string{"installation", "target", "service", "state", "status", "reason", "attempts", "at", "id"}); err != nil {
		return err
	}
	from := &deliveryPlace{No: noPlace}
	for from != nil {
		list, next, err := s.Deliveries(c.Request().Context(), n, *from, 5000)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := w.Write(deliveryRecord(d)); err != nil {
				return err
			}
		}
		if w.Flush(); w.Error() != nil {
			return w.Error()
		}
		from = next
	}
	return nil
}

func deliveryRecord(d Delivery) []string {
	target := ""
	if d.Target != nil {
		target = strconv.Itoa(*d.Target)
	}
	return []string{sheet.Guard(d.Installation), target, string(d.Service), d.State, strconv.Itoa(d.Status), sheet.Guard(d.Reason),
		strconv.Itoa(d.Attempts), d.At.Format(time.RFC3339Nano), d.ID}
}
