package sales

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/words"
)

// seatsPage is the plan of a category with numbered seats.
type seatsPage struct {
	frame
	E        shownEvent
	Notice   *said
	ID       id.ID
	Category string
	Price    string
	Unit     int64
	Max      int
	Key      string
	Codes    []string
	Back     string // the event's page
	Rows     []seatRow
}

type seatRow struct {
	Name  string
	Seats []seatView
}

type seatView struct {
	ID     id.ID
	Row    string
	Number int
	Free   bool
	Chosen bool
}

func (s *Service) shopSeats(c echo.Context, t *words.Tongue) error {
	v, err := s.visited(c, t)
	if err != nil {
		return err
	}
	category, err := id.Parse(c.Param("id"))
	if err != nil {
		return noCategory()
	}
	return s.showSeats(c, http.StatusOK, v, category, nil)
}

// showSeats draws the plan; what cannot be bought now leads back to the event.
func (s *Service) showSeats(c echo.Context, status int, v visitor, category id.ID, notice *said) error {
	rows := v.e.rows(v.t, v.codes, nil, v.now)
	i := slices.IndexFunc(rows, func(r priceRow) bool { return r.ID == category })
	k := v.e.Category(category)
	if i < 0 || !k.Seated() {
		return noCategory()
	}
	if !rows[i].Open {
		return s.showEvent(c, status, v, notice)
	}
	values, err := c.FormParams()
	if err != nil {
		return err
	}
	chosen := values["seat"]
	chosen = chosen[:min(len(chosen), maxQty)]
	p := seatsPage{frame: s.frame(c, v.t, ""), E: v.e.shown(v.t, v.now), Notice: notice, ID: category, Category: rows[i].Title, Price: rows[i].Price, Unit: rows[i].Unit,
		Max: k.MaxPerOrder, Key: id.New().String(), Codes: v.texts()}
	p.Back = withQuery(p.E.URL, url.Values{"code": p.Codes})
	p.Title, p.Unlisted = p.E.Title, true
	for _, seat := range v.e.seats[category] {
		if len(p.Rows) < seat.Row {
			p.Rows = append(p.Rows, seatRow{Name: RowName(seat.Row)})
		}
		last := &p.Rows[len(p.Rows)-1]
		last.Seats = append(last.Seats, seatView{ID: seat.ID, Row: seat.Name(), Number: seat.Column, Free: seat.Free,
			Chosen: seat.Free && slices.Contains(chosen, seat.ID.String())})
	}
	return c.Render(status, "portal/seats", p)
}
