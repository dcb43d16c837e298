package identity

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) auditPages() []web.Route {
	file := page("GET", "/audit.ndjson", web.Admin, s.getAudit)
	check := page("POST", "/audit/check", web.Admin, s.pageAuditChecked)
	file.Timeout, check.Timeout = 10*time.Minute, 10*time.Minute
	return []web.Route{page("GET", "/audit", web.Admin, s.pageAudit), file, check}
}

type auditRow struct {
	No                            int64
	At                            moment
	Actor, Action, Object, Detail string
}

type auditPage struct {
	Viewer viewer
	Filter AuditFilter
	Rows   []auditRow
	Older  string      // address of the page with older entries; "" at the end
	File   string      // address of the file with all of them
	Check  *AuditCheck // when it was asked for
}

// auditRows is how many entries a page shows.
const auditRows = 50

func (s *Service) pageAudit(c echo.Context) error { return s.showAudit(c, nil) }

func (s *Service) pageAuditChecked(c echo.Context) error {
	found, err := s.VerifyAudit(c.Request().Context())
	if err != nil {
		return err
	}
	return s.showAudit(c, &found)
}

func (f AuditFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"actor": f.Actor, "action": f.Action, "object": f.Object} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func (s *Service) showAudit(c echo.Context, check *AuditCheck) error {
	before := int64(0)
	if text := c.QueryParam("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return fault.BadField("identity.AuditLog", "before", "is no number of an entry", "leave it out to start at the newest")
		}
		before = n
	}
	p := auditPage{Viewer: viewerOf(c), Filter: auditFilter(c), Check: check}
	lines, err := s.AuditLog(c.Request().Context(), p.Filter, before, auditRows)
	if err != nil {
		return err
	}
	for _, l := range lines {
		p.Rows = append(p.Rows, auditRow{l.No, moment{l.At}, l.Actor, l.Action, l.Object, string(l.Detail)})
	}
	q := p.Filter.query()
	p.File = "/audit.ndjson?" + q.Encode()
	if len(lines) == auditRows {
		q.Set("before", strconv.FormatInt(lines[len(lines)-1].No, 10))
		p.Older = "/audit?" + q.Encode()
	}
	return c.Render(http.StatusOK, "identity/audit", p)
}
