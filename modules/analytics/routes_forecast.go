package analytics

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) forecastRoutes() []web.Route {
	file := web.Route{Method: "GET", Path: "/v1/history.csv", Right: web.Manage, Handler: s.getHistory, Timeout: -1,
		Doc: web.Doc{Says: "Exports the past events and bookings that forecasts learn from.", Gives: web.CSV}}
	return []web.Route{
		{Method: "GET", Path: "/v1/forecasts", Right: web.Manage, Handler: s.getForecasts,
			Doc: web.Doc{Says: "Lists the newest forecast of each event.", Gives: web.Page[Forecast]{}}},
		{Method: "GET", Path: "/v1/forecasts/:event", Right: web.Manage, Handler: s.getForecast,
			Doc: web.Doc{Says: "Tells an event's forecasts, one for each category and the whole.", Gives: web.Page[Forecast]{}}},
		{Method: "PUT", Path: "/v1/forecasts/:event/profile", Right: web.Manage, Handler: s.putProfile,
			Doc: web.Doc{Says: "Says what kind of event it is, for the forecast.", Takes: Profile{}}},
		{Method: "GET", Path: "/v1/calibration", Right: web.Manage, Handler: s.getCalibration,
			Doc: web.Doc{Says: "Tells how well past forecasts held.", Gives: Calibration{}}},
		{Method: "GET", Path: "/v1/models", Right: web.Manage, Handler: s.getModels,
			Doc: web.Doc{Says: "Lists the forecast models, the newest first.", Gives: web.Page[ModelInfo]{}}},
		{Method: "GET", Path: "/v1/models/:version", Right: web.Manage, Handler: s.getModel,
			Doc: web.Doc{Says: "Tells a model: what it learned from, and its figures.", Gives: ModelInfo{}}},
		{Method: "POST", Path: "/v1/models", Right: web.Manage, Handler: s.postModel,
			Doc: web.Doc{Says: "Trains a new forecast model.", Gives: map[string]string{}, Status: 202, Repeatable: true}},
		{Method: "POST", Path: "/v1/models/:version/promote", Right: web.Manage, Handler: s.postPromote,
			Doc: web.Doc{Says: "Puts a model in charge of forecasts."}},
		{Method: "POST", Path: "/v1/history", Right: web.Manage, Handler: s.postHistory, Limit: maxImport,
			Doc: web.Doc{Says: "Imports past events and their bookings from CSV.", Takes: web.CSV, Gives: Import{}, Status: 202, Repeatable: true}},
		{Method: "GET", Path: "/v1/history/imports", Right: web.Manage, Handler: s.getImports,
			Doc: web.Doc{Says: "Lists the imports of past events.", Gives: web.Page[Import]{}}},
		file,
	}
}

func (s *Service) getForecasts(c echo.Context) error {
	list, err := s.latestForecasts(c.Request().Context(), forecast.DayOf(s.db.Now()))
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Forecast]{Items: list})
}

// eventParam is the event of the address. Errors: fault.NotFound.
func eventParam(c echo.Context) (id.ID, error) {
	event, err := id.Parse(c.Param("event"))
	if err != nil {
		return id.Nil, noForecast()
	}
	return event, nil
}

func (s *Service) getForecast(c echo.Context) error {
	event, err := eventParam(c)
	if err != nil {
		return err
	}
	list, err := s.forecastsOf(c.Request().Context(), event)
	if err == nil && len(list) == 0 {
		err = noForecast()
	}
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Forecast]{Items: list})
}

func (s *Service) putProfile(c echo.Context) error {
	event, err := eventParam(c)
	if err != nil {
		return err
	}
	p, err := web.Bind[Profile](c)
	if err != nil {
		return err
	}
	if err := s.saveProfile(c.Request().Context(), event, p); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getModels(c echo.Context) error {
	list, err := s.models(c.Request().Context(), modelsKept)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[ModelInfo]{Items: list})
}

// versionParam is the model of the address. Errors: fault.NotFound.
func versionParam(c echo.Context) (int, error) {
	v, err := strconv.Atoi(c.Param("version"))
	if err != nil || v < 1 || v > 1<<31-1 {
		return 0, fault.E("analytics.Model", fault.NotFound, "there is no such model", nil).WithFix("GET /v1/models lists them")
	}
	return v, nil
}

func (s *Service) getModel(c echo.Context) error {
	v, err := versionParam(c)
	if err != nil {
		return err
	}
	m, err := s.modelOf(c.Request().Context(), v)
	if err != nil {
		return err
	}
	return web.Fresh(c, m)
}

// postModel has a model trained; it appears in the list once it is.
func (s *Service) postModel(c echo.Context) error {
	return web.Idempotent(c, s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) {
		return map[string]string{"state": "asked for"}, tx.Enqueue(trainJob("asked for by " + web.Actor(tx.Ctx())))
	})
}

func (s *Service) postPromote(c echo.Context) error {
	v, err := versionParam(c)
	if err != nil {
		return err
	}
	if err := s.Promote(c.Request().Context(), v, web.Actor(c.Request().Context())); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// postHistory takes a CSV file of past events as the request's body.
func (s *Service) postHistory(c echo.Context) error {
	file, err := web.Body(c)
	if err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) {
		return s.BeginImport(tx, "file", file, web.Actor(tx.Ctx()))
	})
}

func (s *Service) getImports(c echo.Context) error {
	list, err := s.imports(c.Request().Context(), 100)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Import]{Items: list})
}

// getHistory writes all that models learn from, as `usher backtest` reads it.
func (s *Service) getHistory(c echo.Context) error {
	h, err := s.history(c.Request().Context())
	if err != nil {
		return err
	}
	head := c.Response().Header()
	head.Set("Content-Type", "text/csv; charset=utf-8")
	head.Set("Content-Disposition", `attachment; filename="history.csv"`)
	return bookings.WriteDaily(c.Response(), h.over)
}

// Calibration is what was said of events and what became of it.
type Calibration struct {
	Within Verdict `json:"within"`   // sold out within 14 days
	Final  Verdict `json:"by_event"` // sold out by the event
}

// Verdict is the score of probabilities, and how often each came true.
type Verdict struct {
	forecast.Score
	Bins []forecast.Bin `json:"bins"`
}

func verdictOn(said []forecast.Said) Verdict {
	return Verdict{forecast.ScoreOf(said), forecast.Reliability(said)}
}

func (s *Service) getCalibration(c echo.Context) error {
	list, err := s.judgedForecasts(c.Request().Context(), s.db.Now().AddDate(-1, 0, 0))
	if err != nil {
		return err
	}
	return web.Fresh(c, calibrationOf(list))
}

func calibrationOf(list []Forecast) Calibration {
	var near, final []forecast.Said
	for _, f := range list {
		if f.Sold >= f.Capacity {
			continue // nothing was left to foresee
		}
		if f.OutcomeWithin != nil {
			near = append(near, forecast.Said{P: f.Within, True: *f.OutcomeWithin})
		}
		if f.OutcomeFinal != nil {
			final = append(final, forecast.Said{P: f.Final, True: *f.OutcomeFinal})
		}
	}
	return Calibration{verdictOn(near), verdictOn(final)}
}
