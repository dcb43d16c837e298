package sales

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/sales/words"
)

type calendarPage struct {
	frame
	Name          string
	Before, After *link // months
	Days          []struct{ Name, Short string }
	Weeks         [][]calendarDay
	Events        []shownEvent
	Count         int
}

type calendarDay struct {
	Day    int
	Out    bool // of another month
	Today  bool
	Events []shownEvent
}

// A calendar begins in the month before this one and ends with this year's successors:
// a crawler must not walk it for ever.
const (
	monthsBack  = 12
	monthsAhead = 36
)

// nightEnds is until when a night belongs to the day before it.
const nightEnds = 6 * time.Hour

// shopCalendar shows a month, each event on its days at the venue.
func (s *Service) shopCalendar(c echo.Context, t *words.Tongue) error {
	now := s.here()
	this := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	month, err := time.Parse("2006-01", c.QueryParam("month"))
	if err != nil || month.Before(this.AddDate(0, -monthsBack, 0)) || month.After(this.AddDate(0, monthsAhead, 0)) {
		month = this
	}
	from, until := month.Add(-24*time.Hour), month.AddDate(0, 1, 0).Add(24*time.Hour) // venues' clocks differ
	var events []Event
	_, err = s.look(c.Request().Context(), EventQuery{Going: &from, Until: &until}, func(page []Event) bool {
		events = append(events, page...)
		return true
	})
	if err != nil {
		return err
	}
	p := calendarPage{frame: s.frame(c, t, t.Month(month)), Name: t.Month(month)}
	p.Place, p.About, p.Unlisted = "calendar", t.Say("list.about"), c.QueryParam("month") != ""
	if before := month.AddDate(0, -1, 0); !before.Before(this.AddDate(0, -monthsBack, 0)) {
		p.Before = &link{"/shop/calendar?month=" + before.Format("2006-01"), t.Month(before)}
	}
	if after := month.AddDate(0, 1, 0); !after.After(this.AddDate(0, monthsAhead, 0)) {
		p.After = &link{"/shop/calendar?month=" + after.Format("2006-01"), t.Month(after)}
	}
	p.fill(events, t, month, now)
	return c.Render(http.StatusOK, "portal/calendar", p)
}

// here is now on the seller's clock: what day it is where he is at home. Venues have clocks of
// their own, but a calendar has one today.
func (s *Service) here() time.Time { return moment{s.db.Now(), s.cfg.Seller.Zone}.local() }

// fill lays the month out in weeks that begin on Monday.
func (p *calendarPage) fill(events []Event, t *words.Tongue, month, now time.Time) {
	for d := range 7 {
		day := time.Weekday((d + 1) % 7)
		p.Days = append(p.Days, struct{ Name, Short string }{t.Weekday(day), t.ShortWeekday(day)})
	}
	on := map[int][]shownEvent{}
	for i := range events {
		days := events[i].daysIn(month)
		if len(days) == 0 {
			continue
		}
		v := events[i].shown(t, now)
		for _, day := range days {
			on[day] = append(on[day], v)
		}
		p.Events = append(p.Events, v)
	}
	p.Count = len(p.Events)
	day := month.AddDate(0, 0, -int(month.Weekday()+6)%7)
	for day.Before(month.AddDate(0, 1, 0)) {
		week := make([]calendarDay, 7)
		for i := range week {
			week[i] = calendarDay{Day: day.Day(), Out: day.Month() != month.Month(), Today: day.Format(time.DateOnly) == now.Format(time.DateOnly)}
			if !week[i].Out {
				week[i].Events = on[day.Day()]
			}
			day = day.AddDate(0, 0, 1)
		}
		p.Weeks = append(p.Weeks, week)
	}
}

// daysIn are the days of a month on which the event goes on: a festival that began in the
// month before has some of both.
func (e *Event) daysIn(month time.Time) (days []int) {
	first := dateOf(e.on(&e.StartsAt).local())
	last := first
	if e.EndsAt != nil {
		last = dateOf(e.on(e.EndsAt).local().Add(-nightEnds))
	}
	for day := month; day.Month() == month.Month(); day = day.AddDate(0, 0, 1) {
		if day.Equal(first) || day.After(first) && !day.After(last) {
			days = append(days, day.Day())
		}
	}
	return days
}

// dateOf is the day of a moment as its clock shows it.
func dateOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}
