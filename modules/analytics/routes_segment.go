package analytics

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) segmentRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/segments", Right: web.Manage, Handler: s.getSegments,
			Doc: web.Doc{Says: "Lists the segments of customers and events.", Gives: web.Page[Segment]{}}},
		{Method: "POST", Path: "/v1/segments", Right: web.Manage, Handler: s.postSegments,
			Doc: web.Doc{Says: "Groups customers and events anew.", Gives: map[string]string{}, Status: 202, Repeatable: true}},
		{Method: "PUT", Path: "/v1/segments/:no", Right: web.Manage, Handler: s.putSegment,
			Doc: web.Doc{Says: "Gives a segment a name.", Takes: segmentName{}}},
		{Method: "GET", Path: "/v1/segments/:no/members", Right: web.Manage, Handler: s.getMembers,
			Doc: web.Doc{Says: "Lists who is in a segment: ids of persons, or of events.", Gives: web.Page[string]{}, Query: []string{"cursor", "limit"}}},
	}
}

func (s *Service) getSegments(c echo.Context) error {
	list, err := s.segments(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Segment]{Items: list})
}

// postSegments has customers and events grouped anew; the list shows when it is done.
func (s *Service) postSegments(c echo.Context) error {
	return web.Idempotent(c, s.db, http.StatusAccepted, func(tx *db.Tx) (any, error) {
		return map[string]string{"state": "asked for"}, tx.Enqueue(segmentJob())
	})
}

// segmentParam is the segment of the address. Errors: fault.NotFound.
func segmentParam(c echo.Context) (int, error) {
	no, err := strconv.Atoi(c.Param("no"))
	if err != nil || no < 1 || no > 1<<31-1 {
		return 0, noSegment()
	}
	return no, nil
}

type segmentName struct {
	Name string `json:"name"`
}

func (s *Service) putSegment(c echo.Context) error {
	no, err := segmentParam(c)
	if err != nil {
		return err
	}
	name, err := web.Bind[segmentName](c)
	if err != nil {
		return err
	}
	if err := s.RenameSegment(c.Request().Context(), no, name.Name); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

const (
	membersUsual = 100
	membersMost  = 1000
)

// getMembers lists who is in a segment: ids of persons, or of events.
func (s *Service) getMembers(c echo.Context) error {
	no, err := segmentParam(c)
	if err != nil {
		return err
	}
	if _, err := s.segmentOf(c.Request().Context(), no); err != nil {
		return err
	}
	limit, err := web.Limit(c, membersUsual, membersMost)
	if err != nil {
		return err
	}
	after := ""
	if cursor := c.QueryParam("cursor"); cursor != "" {
		if after, err = web.DecodeCursor[string](cursor); err != nil {
			return err
		}
	}
	list, err := s.membersOf(c.Request().Context(), no, after, limit+1)
	if err != nil {
		return err
	}
	page := web.Page[string]{Items: list}
	if len(list) > limit {
		page.Items, page.Next = list[:limit], web.EncodeCursor(list[limit-1])
	}
	return web.Fresh(c, page)
}
