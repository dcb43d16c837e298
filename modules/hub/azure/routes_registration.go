package azure

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) postRegistrationID(c echo.Context) error {
	if _, err := s.hub.App(c.Request().Context(), hubOf(c)); err != nil {
		return err
	}
	s.located(c, "/registrations/"+id.New().String())
	return c.NoContent(http.StatusCreated)
}

// described reads the body of a registration.
func (s *Service) described(c echo.Context) (registration, error) {
	body, err := web.Body(c)
	if err != nil {
		return registration{}, err
	}
	r, err := readDescription(body)
	if err != nil {
		return r, err
	}
	if r.From != "" {
		return r, fault.BadField("azure.Registration", "Tags", "hold $InstallationId", "leave it out: it belongs to installations")
	}
	r.App = hubOf(c)
	return r, s.mayName(c, r.User)
}

func (s *Service) postRegistration(c echo.Context) error {
	r, err := s.described(c)
	if err != nil {
		return err
	}
	r.ID = id.New().String()
	if _, err := s.hub.PutRegistration(c.Request().Context(), &r.Registration, nil); err != nil {
		return err
	}
	return s.answerRegistration(c, r.Registration)
}

// putRegistration creates or replaces, or, with If-Match, updates what is there.
func (s *Service) putRegistration(c echo.Context) error {
	r, err := s.described(c)
	if err != nil {
		return err
	}
	if r.ID, err = pathID(c); err != nil {
		return err
	}
	if _, err := s.hub.PutRegistration(c.Request().Context(), &r.Registration, unchanged(c.Request().Header.Get("If-Match"))); err != nil {
		return err
	}
	return s.answerRegistration(c, r.Registration)
}

// answerRegistration gives one entry, with its ETag. The reference answers 200 for
// what is new as well.
func (s *Service) answerRegistration(c echo.Context, r hub.Registration) error {
	var d document
	if err := writeEntry(&d, r, s.base(c)); err != nil {
		return err
	}
	s.located(c, "/registrations/"+url.PathEscape(r.ID))
	c.Response().Header().Set("ETag", `W/"`+strconv.FormatInt(r.Version, 10)+`"`)
	return c.Blob(http.StatusOK, typeEntry, []byte(d.String()))
}

func (s *Service) getRegistration(c echo.Context) error {
	name, err := pathID(c)
	if err != nil {
		return err
	}
	r, err := s.hub.Registration(c.Request().Context(), hubOf(c), name)
	if err != nil {
		return err
	}
	return s.answerRegistration(c, r)
}

func (s *Service) deleteRegistration(c echo.Context) error {
	name, err := pathID(c)
	if err != nil {
		return err
	}
	match := c.Request().Header.Get("If-Match")
	if match == "" {
		return fault.BadField("azure.Registration", "If-Match", "is missing", `the registration's ETag, or "*"`)
	}
	if err := s.hub.DeleteRegistration(c.Request().Context(), hubOf(c), name, unchanged(match)); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// getRegistrations lists by channel, which a device may, or all, which it may not.
func (s *Service) getRegistrations(c echo.Context) error {
	filter := query(c, "$filter")
	if filter == "" {
		if err := web.Require(c, web.Manage); err != nil {
			return err
		}
	}
	q, err := readFilter(filter)
	if err != nil {
		return err
	}
	return s.list(c, q)
}

func (s *Service) getTagged(c echo.Context) error {
	tag, err := url.PathUnescape(c.Param("tag"))
	if err != nil {
		return fault.BadField("azure.Registrations", "tag", "is not well escaped", "escape it as a part of a path (RFC 3986)")
	}
	return s.list(c, hub.RegistrationQuery{Tag: tag})
}

// Bounds of a page of registrations.
const (
	pageDefault = 100 // the reference's
	pageMost    = 1000
)

func (s *Service) list(c echo.Context, q hub.RegistrationQuery) error {
	q.App, q.After, q.Limit = hubOf(c), query(c, "ContinuationToken"), pageDefault
	if top := query(c, "$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 {
			return fault.BadField("azure.Registrations", "$top", "is no number of registrations", "1 to 1000")
		}
		q.Limit = min(n, pageMost)
	}
	page, next, err := s.hub.Registrations(c.Request().Context(), q)
	if err != nil {
		return err
	}
	feed, err := writeFeed(page, s.base(c), s.db.Now())
	if err != nil {
		return err
	}
	if next != "" {
		c.Response().Header().Set("X-MS-ContinuationToken", next)
	}
	return c.Blob(http.StatusOK, typeFeed, []byte(feed))
}
