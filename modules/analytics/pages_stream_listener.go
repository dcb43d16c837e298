package analytics

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// listenersPage lists who listens and how far behind they are.
type listenersPage struct {
	Listeners []listenerRow
	Blocker   *blockerState
	Oldest    string // of the facts kept, as the form writes it
	May       bool   // replay
}

type listenerRow struct{ listenerState }

// Late is the age of the oldest fact a listener has still to handle.
func (r listenerRow) Late() string {
	if r.Behind == 0 {
		return "–"
	}
	return inSeconds(r.Seconds)
}

// Hears is what a listener listens to.
func (r listenerRow) Hears() string {
	if len(r.Types) == 0 {
		return "every type"
	}
	return strings.Join(r.Types, ", ")
}

// Age is how long the transaction has been open.
func (b blockerState) Age() string { return inSeconds(b.Seconds) }

// When is the last time a batch was handled.
func (r readingState) When() moment {
	if r.MovedAt == nil {
		return moment{}
	}
	return moment{*r.MovedAt}
}

func inSeconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func (s *Service) pageListeners(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.listenerStates(ctx)
	if err != nil {
		return err
	}
	oldest, err := s.stream.Oldest(ctx)
	if err != nil {
		return err
	}
	p := listenersPage{Oldest: oldest.Format(formTime), May: admin(c)}
	for _, l := range all {
		p.Listeners = append(p.Listeners, listenerRow{l})
		if l.Blocker != nil {
			p.Blocker = l.Blocker
		}
	}
	return c.Render(http.StatusOK, "analytics/stream_listeners", p)
}

// replayPage says what a replay will do before it is done.
type replayPage struct {
	listenerRow
	From   string // as the form writes it
	Oldest string
	Facts  int
	Ready  bool // From is a time to replay from
	Wrong  []fault.Field
}

// pageReplayListener is the confirmation: nothing has happened yet.
func (s *Service) pageReplayListener(c echo.Context) error {
	p, err := s.replayOf(c)
	if err != nil {
		return err
	}
	if p.From == "" {
		p.From = p.Oldest
		return c.Render(http.StatusOK, "analytics/stream_replay", p)
	}
	since, err := s.replayTime(c, p.From)
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) > 0 {
		p.Wrong = f.Fields
		return c.Render(http.StatusUnprocessableEntity, "analytics/stream_replay", p)
	}
	if err == nil {
		p.Facts, err = s.stream.Since(c.Request().Context(), p.Name, since)
	}
	if err != nil {
		return err
	}
	p.Ready = p.Replayable
	return c.Render(http.StatusOK, "analytics/stream_replay", p)
}

func (s *Service) pageReplayConfirmed(c echo.Context) error {
	p, err := s.replayOf(c)
	if err != nil {
		return err
	}
	since, err := s.replayTime(c, p.From)
	if err == nil {
		_, err = s.ReplayListener(c.Request().Context(), p.Name, since)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) > 0 {
		p.Wrong = f.Fields
		return c.Render(http.StatusUnprocessableEntity, "analytics/stream_replay", p)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/stream/listeners#"+url.PathEscape(p.Name))
}

func (s *Service) replayOf(c echo.Context) (p replayPage, err error) {
	ctx := c.Request().Context()
	all, err := s.listenerStates(ctx)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(all, func(l listenerState) bool { return l.Name == c.Param("name") })
	if i < 0 {
		return p, fault.E("analytics.replayOf", fault.NotFound, "there is no such listener", nil)
	}
	oldest, err := s.stream.Oldest(ctx)
	return replayPage{listenerRow: listenerRow{all[i]}, From: c.FormValue("from"), Oldest: oldest.Format(formTime)}, err
}

func (s *Service) replayTime(c echo.Context, text string) (time.Time, error) {
	since, err := time.ParseInLocation(formTime, text, time.UTC)
	if err != nil {
		return since, fault.BadField("analytics.replayTime", "from", "is not a date and time", "such as 2026-06-01T12:00")
	}
	return since, s.kept(c.Request().Context(), since)
}
