package app

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// languageFor is how long a browser keeps the language that a person chose, in seconds.
const languageFor = 365 * 24 * 3600

// languagePages let people choose the dashboard's language; until then their browser says it.
func languagePages() []web.Route {
	return []web.Route{{Method: http.MethodPost, Path: "/language", Right: web.Public, Handler: pageLanguage}}
}

func pageLanguage(c echo.Context) error {
	lang, back := c.FormValue("language"), c.FormValue("back")
	if len(lang) > 20 || strings.ContainsFunc(lang, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
		lang = "" // an unknown one is as good as none
	}
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n") {
		back = "/"
	}
	c.SetCookie(&http.Cookie{Name: web.LanguageCookie, //nolint:gosec // G124: Secure wherever the page came so
		Value: lang, Path: "/", MaxAge: languageFor, HttpOnly: true,
		Secure: c.Scheme() == "https", SameSite: http.SameSiteLaxMode})
	return c.Redirect(http.StatusSeeOther, back)
}
