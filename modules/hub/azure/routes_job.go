package azure

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) postJob(c echo.Context) error {
	body, err := web.Body(c)
	if err != nil {
		return err
	}
	j, err := s.readJob(body)
	if err != nil {
		return err
	}
	j.App = hubOf(c)
	if err := s.submit(c.Request().Context(), &j); err != nil {
		return err
	}
	s.located(c, "/jobs/"+j.ID.String())
	return s.answerJob(c, http.StatusCreated, j)
}

func (s *Service) answerJob(c echo.Context, status int, j job) error {
	var d document
	writeJob(&d, j, s.base(c))
	return c.Blob(status, typeEntry, []byte(d.String()))
}

func (s *Service) getJob(c echo.Context) error {
	name, err := messageID(c)
	if err != nil {
		return err
	}
	j, err := s.findJob(c.Request().Context(), hubOf(c), name)
	if err != nil {
		return err
	}
	return s.answerJob(c, http.StatusOK, j)
}

func (s *Service) getJobs(c echo.Context) error {
	list, err := s.listJobs(c.Request().Context(), hubOf(c))
	if err != nil {
		return err
	}
	var d document
	d.open("feed", "xmlns", nsAtom)
	d.put("title", "jobs", "type", "text")
	d.put("id", s.base(c)+"/jobs")
	d.put("updated", s.db.Now().UTC().Format(time.RFC3339))
	for _, j := range list {
		writeJob(&d, j, s.base(c))
	}
	d.close("feed")
	return c.Blob(http.StatusOK, typeFeed, []byte(d.String()))
}
