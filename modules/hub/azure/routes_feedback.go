package azure

import (
	"bufio"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func (s *Service) getFeedbackURL(c echo.Context) error {
	if _, err := s.hub.App(c.Request().Context(), hubOf(c)); err != nil {
		return err
	}
	return c.String(http.StatusOK, s.keys.feedbackURL(s.base(c), hubOf(c), s.db.Now()))
}

func (s *Service) getFeedbackList(c echo.Context) error {
	if err := s.keys.mayReadFeedback(hubOf(c), query(c, "sig"), query(c, "se"), s.db.Now()); err != nil {
		return err
	}
	days, err := s.goneDays(c.Request().Context(), hubOf(c))
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, typeXML, []byte(feedbackList(s.base(c)+"/feedback", hubOf(c), days, s.db.Now())))
}

func (s *Service) getFeedbackBlob(c echo.Context) error {
	if err := s.keys.mayReadFeedback(hubOf(c), query(c, "sig"), query(c, "se"), s.db.Now()); err != nil {
		return err
	}
	day, err := time.Parse(dayForm, c.Param("blob"))
	if err != nil {
		return fault.E("azure.Feedback", fault.NotFound, "BlobNotFound: there is no such blob.", err).WithFix("list the container for their names")
	}
	c.Response().Header().Set("Content-Type", "application/octet-stream")
	c.Response().Header().Set("x-ms-blob-type", "BlockBlob")
	w := bufio.NewWriter(c.Response())
	err = s.goneOn(c.Request().Context(), hubOf(c), day, func(g gone) error {
		_, err := w.WriteString(feedbackEntry(g))
		return err
	})
	if err != nil {
		return err
	}
	return w.Flush()
}
