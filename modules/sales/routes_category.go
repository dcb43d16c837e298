package sales

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// categoryGiven is a category as a caller writes it. One that forgets the price must not
// give the tickets away.
type categoryGiven struct {
	Category
	PriceMinor *int64 `json:"price_minor" validate:"required"`
}

func (in *categoryGiven) category() Category {
	in.Category.PriceMinor = *in.PriceMinor
	return in.Category
}

func (s *Service) postCategory(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	given, err := web.Bind[categoryGiven](c)
	if err != nil {
		return err
	}
	in := given.category()
	in.Event = event
	defer s.shelves.forget(event)
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) {
		return s.AddCategory(tx, in, web.Actor(c.Request().Context()), ifMatch(c))
	})
}

func (s *Service) putCategory(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	given, err := web.Bind[categoryGiven](c)
	if err != nil {
		return err
	}
	in := given.category()
	in.Event, in.ID = event, name
	ctx := c.Request().Context()
	if in, err = s.ChangeCategory(ctx, in, web.Actor(ctx), ifMatch(c)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, in)
}

func (s *Service) deleteCategoryRoute(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	if err := s.RemoveCategory(c.Request().Context(), event, name, ifMatch(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getPrices(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	e, err := s.Event(c.Request().Context(), event)
	if err != nil {
		return err
	}
	if e.Category(name) == nil {
		return noCategory()
	}
	list, err := s.PriceHistory(c.Request().Context(), name)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[PriceChange]{Items: list})
}

func (s *Service) postPool(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[Pool](c)
	if err != nil {
		return err
	}
	in.Event = event
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.AddPool(tx, in, ifMatch(c)) })
}

func (s *Service) putPool(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[Pool](c)
	if err != nil {
		return err
	}
	in.Event, in.ID = event, name
	if in, err = s.ChangePool(c.Request().Context(), in, ifMatch(c)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, in)
}

func (s *Service) deletePoolRoute(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	if err := s.RemovePool(c.Request().Context(), event, name, ifMatch(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// codeAnswer is a code with its uses so far.
type codeAnswer struct {
	Code
	Used int `json:"used"`
	Held int `json:"held,omitempty"`
}

func (s *Service) getCodes(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	limit, err := web.Limit(c, 100, 500)
	if err != nil {
		return err
	}
	after, err := web.DecodeCursor[string](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	list, err := s.Codes(c.Request().Context(), event, after, limit+1)
	if err != nil {
		return err
	}
	if len(list) == 0 { // none of it, or no such event?
		if _, err := s.Event(c.Request().Context(), event); err != nil {
			return err
		}
	}
	page := web.Page[codeAnswer]{Items: []codeAnswer{}}
	if len(list) > limit {
		list = list[:limit]
		page.Next = web.EncodeCursor(list[limit-1].Code)
	}
	for _, code := range list {
		page.Items = append(page.Items, codeAnswer{code, code.Used, code.Held})
	}
	return web.Fresh(c, page)
}

func (s *Service) postCode(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[Code](c)
	if err != nil {
		return err
	}
	in.Event = event
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) { return s.AddCode(tx, in) })
}

func (s *Service) putCode(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	in, err := web.Bind[Code](c)
	if err != nil {
		return err
	}
	in.Event, in.ID = event, name
	if in, err = s.ChangeCode(c.Request().Context(), in); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, codeAnswer{in, in.Used, in.Held})
}

func (s *Service) deleteCodeRoute(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	if err := s.RemoveCode(c.Request().Context(), event, name); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) getWaitlist(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	limit, err := web.Limit(c, 100, 500)
	if err != nil {
		return err
	}
	after, err := web.DecodeCursor[int64](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	all, err := web.Flag(c, "all")
	if err != nil {
		return err
	}
	list, err := s.Waitlist(c.Request().Context(), event, all, after, limit+1)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if _, err := s.Event(c.Request().Context(), event); err != nil {
			return err
		}
	}
	page := web.Page[Waiting]{Items: list}
	if len(list) > limit {
		page.Items = list[:limit]
		page.Next = web.EncodeCursor(list[limit-1].No)
	}
	return web.Fresh(c, page)
}

func (s *Service) deleteWaiting(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	if err := s.RemoveWaiting(c.Request().Context(), event, name); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
