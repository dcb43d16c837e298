package analytics

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// modelsPage is the registry.
type modelsPage struct {
	Models []modelRow
	May    bool // train, promote
}

type modelRow struct {
	ModelInfo
	Trained          moment
	Years            string // of the events
	Scores           []scoreRow
	Served           string
	Events, Forecast string
}

type scoreRow struct{ Method, Within, Final, Covered string }

func (s *Service) pageModels(c echo.Context) error {
	list, err := s.models(c.Request().Context(), 20)
	if err != nil {
		return err
	}
	p := modelsPage{May: admin(c)}
	for _, m := range list {
		p.Models = append(p.Models, modelRowOf(m))
	}
	return c.Render(http.StatusOK, "analytics/forecast_models", p)
}

func modelRowOf(m ModelInfo) modelRow {
	r := modelRow{ModelInfo: m, Trained: moment{m.TrainedAt}, Events: fmt.Sprintf("%d events, %d days of sale", m.Events, m.Days)}
	if m.From != nil && m.To != nil {
		r.Years = m.From.Format("2 Jan 2006") + " – " + m.To.Format("2 Jan 2006")
	}
	if m.Report == nil {
		return r
	}
	r.Served = m.Report.Served + ", as " + m.Report.WhyServed
	r.Forecast = fmt.Sprintf("%d forecasts", m.Report.Forecasts)
	if m.Report.Forecasts > 0 {
		for _, x := range m.Report.Methods {
			row := scoreRow{x.Method, fmt.Sprintf("%.3f", x.Within.Brier), fmt.Sprintf("%.3f", x.Final.Brier), "–"}
			if x.FinalCoverage != nil {
				row.Covered = percent(*x.FinalCoverage)
			}
			r.Scores = append(r.Scores, row)
		}
	}
	return r
}

func (s *Service) pageTrain(c echo.Context) error {
	by := web.Actor(c.Request().Context())
	if err := s.db.InTx(c.Request().Context(), func(tx *db.Tx) error { return tx.Enqueue(trainJob("asked for by " + by)) }); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/models")
}

func (s *Service) pagePromote(c echo.Context) error {
	v, err := versionParam(c)
	if err != nil {
		return err
	}
	if err := s.Promote(c.Request().Context(), v, web.Actor(c.Request().Context())); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/models")
}

// calibrationPage is what was said against what happened.
type calibrationPage struct {
	Within, Final verdictRows
}

type verdictRows struct {
	Title string
	N     int
	Brier string
	ECE   string
	Bins  []binRow
}

type binRow struct {
	Range, Said, Happened string
	N                     int
	X, Y                  string // in a square of 100
}

func (s *Service) pageCalibration(c echo.Context) error {
	list, err := s.judgedForecasts(c.Request().Context(), s.db.Now().AddDate(-1, 0, 0))
	if err != nil {
		return err
	}
	k := calibrationOf(list)
	return c.Render(http.StatusOK, "analytics/forecast_calibration", calibrationPage{verdictRowsOf("Sold out within 14 days", k.Within), verdictRowsOf("Sold out by the event", k.Final)})
}

func verdictRowsOf(title string, v Verdict) verdictRows {
	r := verdictRows{Title: title, N: v.N, Brier: fmt.Sprintf("%.3f", v.Brier), ECE: fmt.Sprintf("%.3f", v.ECE)}
	for _, b := range v.Bins {
		r.Bins = append(r.Bins, binRow{
			Range: fmt.Sprintf("%.0f – %.0f %%", 100*b.From, 100*b.To), Said: percent(b.Said), Happened: percent(b.Happened), N: b.N,
			X: strconv.FormatFloat(100*b.Said, 'f', 1, 64), Y: strconv.FormatFloat(100-100*b.Happened, 'f', 1, 64),
		})
	}
	return r
}

// importPage is where past events come in.
type importPage struct {
	Imports []Import
	Working bool // one is under way
	Events  []pastRow
	Missing int // of them lack a capacity
	Wrong   []fault.Field
	May     bool
}

type pastRow struct {
	ID                        id.ID
	Source, Name, Date, Genre string
	Sold, Capacity            int
}

const pastOnPage = 200

func (s *Service) pageImport(c echo.Context) error { return s.showImport(c, http.StatusOK, nil) }

func (s *Service) showImport(c echo.Context, status int, wrong []fault.Field) error {
	ctx := c.Request().Context()
	p := importPage{Wrong: wrong, May: admin(c)}
	var err error
	if p.Imports, err = s.imports(ctx, 10); err != nil {
		return err
	}
	for _, i := range p.Imports {
		p.Working = p.Working || i.State == importWaiting || i.State == importWorking
	}
	past, err := s.pastEvents(ctx)
	if err != nil {
		return err
	}
	for _, x := range past {
		if x.Event.Capacity == 0 {
			p.Missing++
		}
		if len(p.Events) < pastOnPage {
			p.Events = append(p.Events, pastRow{x.ID, x.Source, x.Name, day(x.Event.Date), x.Event.Genre, x.Event.SoldBy(x.Event.Date), x.Event.Capacity})
		}
	}
	return c.Render(status, "analytics/forecast_import", p)
}

func (s *Service) pageImported(c echo.Context) error {
	name, file, err := uploaded(c)
	if err != nil {
		return err
	}
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error {
		_, err := s.BeginImport(tx, name, file, web.Actor(tx.Ctx()))
		return err
	})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.Invalid {
		return s.showImport(c, http.StatusUnprocessableEntity, f.Fields)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/import")
}

// uploaded is the file of the form.
func uploaded(c echo.Context) (name string, file []byte, err error) {
	const op = "analytics.import"
	head, err := c.FormFile("file")
	if err != nil || head.Size == 0 {
		return "file", nil, nil // its first line is missing: told like any other fault
	}
	f, err := head.Open()
	if err != nil {
		return "", nil, fault.E(op, fault.Invalid, "the file cannot be read", err).WithFix("choose it again")
	}
	defer f.Close()
	if file, err = io.ReadAll(f); err != nil {
		return "", nil, fault.E(op, fault.Invalid, "the file ended before it was complete", err).WithFix("choose it again")
	}
	return clipped(head.Filename), file, nil
}

// pageCompleted says what a file did not tell of an event, or forgets it.
func (s *Service) pageCompleted(c echo.Context) error {
	event, err := eventParam(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if c.FormValue("do") == "delete" {
		err = s.deletePast(ctx, event)
	} else {
		capacity, wrong := strconv.Atoi(c.FormValue("capacity"))
		if wrong != nil || capacity < 1 || capacity > 10_000_000 {
			return s.showImport(c, http.StatusUnprocessableEntity, []fault.Field{{Name: "capacity", Problem: "is not a number of tickets", Fix: "digits only, such as 250"}})
		}
		err = s.completePast(ctx, event, capacity, clipped(c.FormValue("genre")))
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/forecasts/import")
}
