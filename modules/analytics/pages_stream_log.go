package analytics

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

const factsOnPage = 50

// logPage is a page of the log, the newest first.
type logPage struct {
	Type, Key, Source, From, To string // as the form has them
	Facts                       []factRow
	Next                        string // address of what comes after; "" at the end
	First                       bool
	Wrong                       []fault.Field
}

type factRow struct{ stream.Fact }

// Happened and Received are the fact's times, Data its data with a line for each member.
func (r factRow) Happened() moment { return moment{r.Time} }
func (r factRow) Received() moment { return moment{r.ReceivedAt} }
func (r factRow) Data() string     { return pretty(r.Fact.Data) }

// Link is the fact's own page.
func (r factRow) Link() string { return factLink(r.Fact) }

func factLink(f stream.Fact) string {
	return "/stream/log/" + strconv.FormatUint(f.XID, 10) + "/" + strconv.FormatInt(f.ID, 10)
}

// pretty indents JSON; what is none stays as it is.
func pretty(data json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return string(data)
	}
	return b.String()
}

func (s *Service) pageLog(c echo.Context) error {
	get := func(name string) string { return strings.TrimSpace(c.QueryParam(name)) }
	p := logPage{Type: get("type"), Key: get("key"), Source: get("source"), From: get("from"), To: get("to"), First: get("cursor") == ""}
	wanted := stream.Wanted{Type: p.Type, Key: p.Key, Source: p.Source}
	wanted.From, wanted.To, p.Wrong = span(p.From, p.To)
	for _, text := range []string{p.Type, p.Key, p.Source} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fault.E("analytics.pageLog", fault.Invalid, "no fact has such characters", nil).WithFix("type, key and source are text in UTF-8")
		}
	}
	if len(p.Wrong) > 0 {
		return c.Render(http.StatusUnprocessableEntity, "analytics/stream_log", p)
	}
	at, err := web.DecodeCursor[stream.Spot](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	list, next, err := s.stream.Browse(c.Request().Context(), wanted, at, factsOnPage)
	if err != nil {
		return err
	}
	for _, f := range list {
		p.Facts = append(p.Facts, factRow{f})
	}
	if next != nil {
		q := url.Values{"cursor": {web.EncodeCursor(next)}}
		for name, text := range map[string]string{"type": p.Type, "key": p.Key, "source": p.Source, "from": p.From, "to": p.To} {
			if text != "" {
				q.Set(name, text)
			}
		}
		p.Next = "/stream/log?" + q.Encode()
	}
	return c.Render(http.StatusOK, "analytics/stream_log", p)
}

// span reads two times of a form; "" is open.
func span(from, to string) (since, until time.Time, wrong []fault.Field) {
	for _, in := range []struct {
		name, text string
		into       *time.Time
	}{{"from", from, &since}, {"to", to, &until}} {
		if in.text == "" {
			continue
		}
		var err error
		if *in.into, err = time.ParseInLocation(formTime, in.text, time.UTC); err != nil {
			wrong = append(wrong, fault.Field{Name: in.name, Problem: "is not a date and time", Fix: "such as 2026-06-01T12:00"})
		}
	}
	if len(wrong) == 0 && !since.IsZero() && !until.IsZero() && !since.Before(until) {
		wrong = []fault.Field{{Name: "to", Problem: "is not after from", Fix: "a later time"}}
	}
	return since, until, wrong
}

func (s *Service) pageFact(c echo.Context) error {
	xid, err := strconv.ParseUint(c.Param("xid"), 10, 63)
	if err == nil {
		var no int64
		if no, err = strconv.ParseInt(c.Param("id"), 10, 64); err == nil {
			f, err := s.stream.FactAt(c.Request().Context(), stream.Spot{XID: xid, ID: no})
			if err != nil {
				return err
			}
			return c.Render(http.StatusOK, "analytics/stream_fact", factRow{f})
		}
	}
	return fault.E("analytics.pageFact", fault.NotFound, "there is no such fact in the log", err)
}

// exportPage is the form that leads to GET /v1/events/export.
type exportPage struct {
	Format, From, To, Type string
	Types                  []string
	May                    bool
	Wrong                  []fault.Field
}

// pageExport shows the form, and sends on what was filled in.
func (s *Service) pageExport(c echo.Context) error {
	p := exportPage{Format: c.QueryParam("format"), From: c.QueryParam("from"), To: c.QueryParam("to"), Type: strings.TrimSpace(c.QueryParam("type")), May: web.Require(c, web.Manage) == nil, Types: knownTypes}
	if p.Format == "" {
		now := s.db.Now().UTC()
		p.Format, p.From, p.To = "ndjson", now.Add(-24*time.Hour).Format(formTime), now.Format(formTime)
		return c.Render(http.StatusOK, "analytics/stream_export", p)
	}
	since, until, wrong := span(p.From, p.To)
	if p.Wrong = wrong; len(wrong) > 0 {
		return c.Render(http.StatusUnprocessableEntity, "analytics/stream_export", p)
	}
	q := url.Values{"format": {p.Format}}
	for name, t := range map[string]time.Time{"from": since, "to": until} {
		if !t.IsZero() {
			q.Set(name, t.Format(time.RFC3339))
		}
	}
	if p.Type != "" {
		q.Set("type", p.Type)
	}
	return c.Redirect(http.StatusSeeOther, "/v1/events/export?"+q.Encode())
}
