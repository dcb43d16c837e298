package analytics

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

const parkedOnPage = 50

// parkedPage lists the facts that listeners could not handle.
type parkedPage struct {
	Parked   []parkedRow
	Counts   []parkedCount // by listener
	Listener string        // only its; "": all
	Next     string
	First    bool
	May      bool // replay and discard
	Said     string
}

type parkedCount struct {
	Listener string
	Facts    int
}

type parkedRow struct{ stream.Parked }

// When is when the fact was parked, Happened when it happened.
func (r parkedRow) When() moment     { return moment{r.ParkedAt} }
func (r parkedRow) Happened() moment { return moment{r.Fact.Time} }

// Data is the fact's data with a line for each member.
func (r parkedRow) Data() string { return pretty(r.Fact.Data) }

// InLog is the address of the fact in the log.
func (r parkedRow) InLog() string { return factLink(r.Fact) }

func (s *Service) pageParked(c echo.Context) error {
	list, next, err := s.parkedPage(c, parkedOnPage, 200)
	if err != nil {
		return err
	}
	counts, err := s.stream.ParkedByListener(c.Request().Context())
	if err != nil {
		return err
	}
	p := parkedPage{Listener: c.QueryParam("listener"), Next: next, First: c.QueryParam("cursor") == "", May: admin(c), Said: outcomeOf(c)}
	for _, l := range slices.Sorted(maps.Keys(counts)) {
		p.Counts = append(p.Counts, parkedCount{l, counts[l]})
	}
	for _, one := range list {
		p.Parked = append(p.Parked, parkedRow{one})
	}
	return c.Render(http.StatusOK, "analytics/stream_parked", p)
}

// outcomeOf puts into words what pageReplayAllParked has done.
func outcomeOf(c echo.Context) string {
	done, err := strconv.ParseUint(c.QueryParam("done"), 10, 31)
	if err != nil {
		return ""
	}
	said := []string{strconv.FormatUint(done, 10) + " handled"}
	for _, part := range []struct{ name, words string }{{"failed", " still fail and stay parked"}, {"left", " not tried yet: replay once more"}} {
		if n, err := strconv.ParseUint(c.QueryParam(part.name), 10, 31); err == nil && n > 0 {
			said = append(said, strconv.FormatUint(n, 10)+part.words)
		}
	}
	return strings.Join(said, ", ") + "."
}

func (s *Service) pageReplayAllParked(c echo.Context) error {
	listener := c.FormValue("listener")
	done, err := s.ReplayAllParked(c.Request().Context(), listener)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/stream/parked?"+url.Values{"done": {strconv.Itoa(done.Done)}, "failed": {strconv.Itoa(done.Failed)}, "left": {strconv.Itoa(done.Left)}}.Encode())
}

// parkedFactPage is one parked fact.
type parkedFactPage struct {
	parkedRow
	May   bool
	Wrong string // why it was not replayed or discarded
}

func (s *Service) pageParkedFact(c echo.Context) error { return s.showParked(c, http.StatusOK, nil) }

func (s *Service) showParked(c echo.Context, status int, failure error) error {
	parked, err := parkedID(c)
	if err != nil {
		return err
	}
	one, err := s.stream.ParkedFact(c.Request().Context(), parked)
	if err != nil {
		return err
	}
	p := parkedFactPage{parkedRow: parkedRow{one}, May: admin(c)}
	if failure != nil {
		p.Wrong = fault.Message(failure)
		if f, ok := errors.AsType[*fault.Error](failure); ok && f.Fix != "" {
			p.Wrong += ": " + f.Fix
		}
	}
	return c.Render(status, "analytics/stream_parked_fact", p)
}

// pageReplayParked shows the fact again when it still fails.
func (s *Service) pageReplayParked(c echo.Context) error {
	parked, err := parkedID(c)
	if err != nil {
		return err
	}
	err = s.ReplayParked(c.Request().Context(), parked)
	if fault.Is(err, fault.Conflict) {
		return s.showParked(c, http.StatusConflict, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/stream/parked?done=1")
}

func (s *Service) pageDiscardParked(c echo.Context) error {
	parked, err := parkedID(c)
	if err != nil {
		return err
	}
	if c.FormValue("confirm") != "yes" {
		return s.showParked(c, http.StatusUnprocessableEntity, fault.E("analytics.discard", fault.Invalid, "say that you mean it: tick the box", nil))
	}
	if err := s.DiscardParked(c.Request().Context(), parked); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/stream/parked")
}
