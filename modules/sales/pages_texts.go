package sales

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// textView is the texts of one language, of the event and its categories.
type textView struct {
	Locale     string
	Name       web.Language
	Fallback   bool
	Text       Text
	Categories []categoryText
}

type categoryText struct {
	ID    id.ID
	Title string // in the fallback language, to know it by
	Text  Text
}

type textsPage struct {
	Head      eventHead
	Languages []textView
	Wrong     []fault.Field
}

func (s *Service) pageTexts(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	return s.showTexts(c, http.StatusOK, &e, e.Version, nil)
}

func (s *Service) showTexts(c echo.Context, status int, e *Event, version int64, wrong error) error {
	p := textsPage{Head: s.head(e, "texts")}
	p.Head.Version = version
	for i, locale := range e.Locales {
		v := textView{Locale: locale, Name: web.Language(locale), Fallback: i == 0, Text: e.Names[locale]}
		for j := range e.Categories {
			k := &e.Categories[j]
			v.Categories = append(v.Categories, categoryText{k.ID, TextIn(k.Names, e.Locales, "").Title, k.Names[locale]})
		}
		p.Languages = append(p.Languages, v)
	}
	if wrong != nil {
		_, p.Wrong = placed(wrong)
	}
	return c.Render(status, "sales/texts", p)
}

// pageTextsChanged takes all languages at once. What is wrong shows the form as it
// was typed.
func (s *Service) pageTextsChanged(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	version := e.Version
	e.setTexts(values)
	_, err = s.ChangeTexts(c.Request().Context(), e, unchanged(values.Get("version")))
	if err != nil && mended(err) {
		return s.showTexts(c, http.StatusUnprocessableEntity, &e, version, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+e.ID.String()+"/texts")
}

// setTexts reads inputs named title.de, description.de, title.de.<category> and so on.
func (e *Event) setTexts(v url.Values) {
	e.Names = map[string]Text{}
	for i := range e.Categories {
		e.Categories[i].Names = map[string]Text{}
	}
	for _, locale := range e.Locales {
		if t := textOf(v, locale, ""); t != (Text{}) {
			e.Names[locale] = t
		}
		for i := range e.Categories {
			if t := textOf(v, locale, "."+e.Categories[i].ID.String()); t != (Text{}) {
				e.Categories[i].Names[locale] = t
			}
		}
	}
}

func textOf(v url.Values, locale, of string) Text {
	get := func(name string) string { return strings.TrimSpace(v.Get(name + "." + locale + of)) }
	return Text{Title: get("title"), Summary: get("summary"), Description: get("description")}
}
