package pricing

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// postDecide has an event looked at now. It passes the same guard-rails as the daily
// look, and not more often than they let it.
func (s *Service) postDecide(c echo.Context) error {
	event, err := named(c, "event")
	if err != nil {
		return err
	}
	if err := s.Decide(c.Request().Context(), event, id.New(), Cause{Kind: causeByHand}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getDecisions(c echo.Context) error {
	list, next, err := s.decisionPage(c, 100, 500)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Decision]{Items: list, Next: next})
}

// decisionPage reads ?event=, ?category=, ?moves=, ?limit= and ?cursor=.
func (s *Service) decisionPage(c echo.Context, def, most int) (list []Decision, next string, err error) {
	limit, err := web.Limit(c, def, most)
	if err != nil {
		return nil, "", err
	}
	q := DecisionQuery{Moves: c.QueryParam("moves") != "", Limit: limit + 1}
	if q.Before, err = web.DecodeCursor[id.ID](c.QueryParam("cursor")); err != nil {
		return nil, "", err
	}
	if q.Event, err = web.QueryID(c, "event"); err != nil {
		return nil, "", err
	}
	if q.Category, err = web.QueryID(c, "category"); err != nil {
		return nil, "", err
	}
	if list, err = s.Decisions(c.Request().Context(), q); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = web.EncodeCursor(list[limit-1].ID)
	}
	if list == nil {
		list = []Decision{}
	}
	return list, next, nil
}

func (s *Service) getOpen(c echo.Context) error {
	list, err := s.Open(c.Request().Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []Decision{}
	}
	return web.Fresh(c, web.Page[Decision]{Items: list})
}

func (s *Service) getDecision(c echo.Context) error {
	name, err := named(c, "decision")
	if err != nil {
		return err
	}
	d, err := s.Decision(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return web.Fresh(c, d)
}

func (s *Service) postAgree(c echo.Context) error {
	name, err := named(c, "decision")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	d, err := s.Agree(ctx, name, web.Actor(ctx))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, d)
}

func (s *Service) postRefuse(c echo.Context) error {
	name, err := named(c, "decision")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.Refuse(ctx, name, web.Actor(ctx)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
