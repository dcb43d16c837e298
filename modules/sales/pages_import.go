package sales

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

type importPage struct {
	Text    string // as it was pasted or uploaded
	Columns []string
	Done    *Imported
	Wrong   []fault.Field
}

func (s *Service) pageImport(c echo.Context) error {
	return c.Render(http.StatusOK, "sales/import", importPage{Columns: importColumns})
}

// pageImported checks a file or imports it. What was given stays in the form, so
// that the promoter mends it there.
func (s *Service) pageImported(c echo.Context) error {
	text, err := importText(c)
	if err != nil {
		return err
	}
	p := importPage{Text: text, Columns: importColumns}
	done, err := s.Import(c.Request().Context(), []byte(text), web.Actor(c.Request().Context()), c.FormValue("do") != "import")
	if err != nil {
		if !mended(err) {
			return err
		}
		_, p.Wrong = placed(err)
		return c.Render(http.StatusUnprocessableEntity, "sales/import", p)
	}
	if len(done.Errors) == 0 && !done.DryRun {
		return c.Redirect(http.StatusSeeOther, "/events?show=all")
	}
	p.Done = &done
	status := http.StatusOK
	if len(done.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return c.Render(status, "sales/import", p)
}

// importText is the uploaded file, else what was pasted.
func importText(c echo.Context) (string, error) {
	head, err := c.FormFile("file")
	if err != nil || head.Size == 0 {
		return c.FormValue("text"), nil
	}
	f, err := head.Open()
	if err != nil {
		return "", fault.E("sales.import", fault.Invalid, "the file cannot be read", err).WithFix("choose it again")
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return "", fault.E("sales.import", fault.Invalid, "the file ended before it was complete", err).WithFix("choose it again")
	}
	return string(b), nil
}
