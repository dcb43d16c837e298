package analytics

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
	"github.com/usherhq/usher/modules/kernel/web"
)

// QueryPages is the dashboard's part for standing queries: staff looks, an admin changes.
func (s *Service) QueryPages() []web.Route {
	page := func(right web.Right, method, path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: method, Path: path, Right: right, Handler: h}
	}
	live, file := page(web.Staff, "GET", "/queries/:name/live", s.getQueryLive), page(web.Staff, "GET", "/queries/:name/outputs.csv", s.pageOutputsFile)
	live.Timeout, file.Timeout = -1, -1
	return []web.Route{
		page(web.Staff, "GET", "/queries", s.pageQueries),
		page(web.Admin, "GET", "/queries/new", s.pageNewQuery),
		page(web.Admin, "POST", "/queries/new", s.pageQuerySaved),
		page(web.Staff, "GET", "/queries/:name", s.pageQuery),
		page(web.Admin, "GET", "/queries/:name/edit", s.pageEditQuery),
		page(web.Admin, "POST", "/queries/:name/edit", s.pageQuerySaved),
		page(web.Admin, "POST", "/queries/:name/pause", s.pagePause),
		page(web.Admin, "POST", "/queries/:name/resume", s.pagePause),
		page(web.Admin, "POST", "/queries/:name/replay", s.pageReplay),
		page(web.Admin, "POST", "/queries/:name/delete", s.pageDeleteQuery),
		live, file,
	}
}

// queryRow is a query in the list.
type queryRow struct {
	Query
	Says  string // what it computes, in words
	Stats QueryStats
	Key   string // whose line it is
	Spark string // points of a polyline in 120 × 28; "" for too few
	Last  string // newest final value
}

// queriesPage lists the queries.
type queriesPage struct {
	Queries []queryRow
	May     bool // change them
}

const (
	sparkOutputs = 40
	pageKeys     = 100 // offered to choose from
	pageOutputs  = 120 // finals on a query's page
)

func (s *Service) pageQueries(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.Queries(ctx)
	if err != nil {
		return err
	}
	stats, err := s.statsByName(ctx)
	if err != nil {
		return err
	}
	rows := make([]queryRow, len(all))
	for i, q := range all {
		rows[i] = queryRow{Query: q, Says: q.says(), Stats: stats[q.Name]}
		keys, err := s.newestKeys(ctx, q, 1)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			continue
		}
		list, _, err := s.Outputs(ctx, q, OutputRange{Key: &keys[0]}, outputPlace{}, sparkOutputs)
		if err != nil {
			return err
		}
		rows[i].Key, rows[i].Spark, rows[i].Last = keys[0], sparkline(list), valueText(list[0].Value)
	}
	return c.Render(http.StatusOK, "analytics/queries", queriesPage{Queries: rows, May: admin(c)})
}

// queryPage is all that is told of one query.
type queryPage struct {
	Query
	Says   string
	Stats  QueryStats
	Lag    string
	Keys   []string
	Key    string
	Points []outputRow // of Key, oldest first, then provisional
	Open   []outputRow // provisional of all keys, newest first
	Oldest string      // of the facts kept, for the replay
	May    bool        // change it
	Wrong  []fault.Field
}

func (s *Service) pageQuery(c echo.Context) error {
	q, err := s.Query(c.Request().Context(), c.Param("name"))
	if err != nil {
		return err
	}
	return s.showQuery(c, http.StatusOK, q, nil)
}

func (s *Service) showQuery(c echo.Context, status int, q Query, wrong []fault.Field) error {
	ctx := c.Request().Context()
	p := queryPage{Query: q, Says: q.says(), May: admin(c), Wrong: wrong, Key: c.QueryParam("key")}
	stats, err := s.statsByName(ctx)
	if err != nil {
		return err
	}
	p.Stats, p.Lag = stats[q.Name], stats[q.Name].Lag.Round(time.Second).String()
	if p.Keys, err = s.newestKeys(ctx, q, pageKeys); err != nil {
		return err
	}
	if !c.QueryParams().Has("key") && len(p.Keys) > 0 {
		p.Key = p.Keys[0]
	}
	finals, _, err := s.Outputs(ctx, q, OutputRange{Key: &p.Key}, outputPlace{}, pageOutputs)
	if err != nil {
		return err
	}
	open, err := s.Provisional(ctx, q, liveOutputs)
	if err != nil {
		return err
	}
	p.Points, p.Open = pointsOf(finals, open, p.Key), rowsOf(open)
	oldest, err := s.stream.Oldest(ctx)
	if err != nil {
		return err
	}
	p.Oldest = oldest.Add(time.Minute).Format(formTime)
	return c.Render(status, "analytics/query", p)
}

func (s *Service) pagePause(c echo.Context) error {
	stop := strings.HasSuffix(c.Path(), "/pause")
	if err := s.PauseQuery(c.Request().Context(), c.Param("name"), stop); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/queries/"+url.PathEscape(c.Param("name")))
}

// pageReplay shows the query again; a time that cannot be is told beside its input.
func (s *Service) pageReplay(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	from, err := time.ParseInLocation(formTime, c.FormValue("from"), time.UTC)
	if err != nil {
		return s.showQuery(c, http.StatusUnprocessableEntity, q, []fault.Field{{Name: "from", Problem: "is not a date and time", Fix: "such as 2026-06-01T12:00"}})
	}
	err = s.ReplayQuery(ctx, q.Name, from)
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) > 0 {
		return s.showQuery(c, http.StatusUnprocessableEntity, q, f.Fields)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/queries/"+q.Name)
}

func (s *Service) pageDeleteQuery(c echo.Context) error {
	if err := s.DeleteQuery(c.Request().Context(), c.Param("name")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/queries")
}

// pageOutputsFile writes every final output as CSV, the newest first.
func (s *Service) pageOutputsFile(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := s.Query(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+q.Name+`.csv"`)
	w := csv.NewWriter(c.Response())
	_ = w.Write([]string{"end", "start", "key", "value", "facts", "complete", "final_at"}) // Error tells
	for next := (&outputPlace{}); next != nil; {
		var list []Output
		if list, next, err = s.Outputs(ctx, q, OutputRange{}, *next, 1000); err != nil {
			return err
		}
		for _, o := range list {
			value := ""
			if o.Value != nil {
				value = strconv.FormatFloat(*o.Value, 'g', -1, 64)
			}
			_ = w.Write([]string{o.End.Format(time.RFC3339Nano), o.Start.Format(time.RFC3339Nano), sheet.Guard(o.Key), value,
				strconv.FormatInt(o.Revision, 10), strconv.FormatBool(o.Complete), o.FinalAt.Format(time.RFC3339Nano)})
		}
		w.Flush()
		if err := w.Error(); err != nil {
			return err // the caller went away
		}
	}
	return nil
}

func (s *Service) pageNewQuery(c echo.Context) error {
	return c.Render(http.StatusOK, "analytics/query-edit", queryEdit{Form: newQueryForm(), To: "/queries/new"}.withChoices())
}

func (s *Service) pageEditQuery(c echo.Context) error {
	q, err := s.Query(c.Request().Context(), c.Param("name"))
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "analytics/query-edit", queryEdit{Form: formOf(q.Definition), Name: q.Name, To: "/queries/" + q.Name + "/edit"}.withChoices())
}

// pageQuerySaved answers the form's buttons: try out, or save.
func (s *Service) pageQuerySaved(c echo.Context) error {
	values, err := c.FormParams()
	if err != nil {
		return fault.E("analytics.queryForm", fault.Invalid, "the form cannot be read", err).WithFix("open it anew")
	}
	p := queryEdit{Form: readQueryForm(values), Name: c.Param("name"), To: c.Request().URL.Path}.withChoices()
	if p.Name != "" {
		p.Form.Name = p.Name
	}
	d, wrong := p.Form.definition()
	if len(wrong) == 0 {
		err = s.saveOrTry(c, &p, d, values.Get("do") == "save")
	} else if _, checked := s.cfg.Windows.plan(d); checked != nil {
		err = checked
	}
	if f, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || f.Code != fault.Invalid && f.Code != fault.Conflict) {
		return err
	} else if ok {
		wrong = append(wrong, fieldsOfQuery(f)...)
	}
	if len(wrong) > 0 {
		p.place(wrong)
		return c.Render(http.StatusUnprocessableEntity, "analytics/query-edit", p)
	}
	if p.Trial != nil {
		return c.Render(http.StatusOK, "analytics/query-edit", p)
	}
	return c.Redirect(http.StatusSeeOther, "/queries/"+d.Name)
}

func (s *Service) saveOrTry(c echo.Context, p *queryEdit, d Definition, save bool) (err error) {
	ctx := c.Request().Context()
	switch {
	case !save:
		var t Trial
		if t, err = s.TryQuery(ctx, d, 0); err == nil {
			p.Trial, p.Rows = &t, rowsOf(t.Outputs)
		}
	case p.Name != "":
		_, err = s.EditQuery(ctx, p.Name, d)
	default:
		err = s.db.InTx(ctx, func(tx *db.Tx) error {
			_, err := s.CreateQuery(tx, d)
			return err
		})
	}
	return err
}
