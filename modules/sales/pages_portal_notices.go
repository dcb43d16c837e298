package sales

import (
	"context"
	_ "embed" // sw.js
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// Browsers is what the portal asks of the hub for its visitors' browsers; app "" is the
// hub's only one. Errors: fault.NotFound, fault.Invalid.
type Browsers interface {
	BrowserKey(ctx context.Context, app string) (string, error)
	PutBrowser(ctx context.Context, app, browser, person, locale string, subscription [3]string, tags []string, quietFrom, quietTo string) error
	Browser(ctx context.Context, app, browser string) (tags []string, quietFrom, quietTo string, err error)
	ChangeBrowser(ctx context.Context, app, browser string, tags []string, quietFrom, quietTo string) error
	ForgetBrowser(ctx context.Context, app, browser string) error
}

const (
	browserCookie = "usher_browser"
	browserLife   = 400 * 24 * time.Hour // the longest that browsers keep
	followTag     = "follow:"            // and an event's slug: news and prices of it
	mostFollowed  = 50
)

//go:embed sw.js
var pushWorker []byte

// noticePages are where a visitor says what his browser shall tell him.
func (s *Service) noticePages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/shop/sw.js", Right: web.Public, Handler: s.getPushWorker},
		{Method: "GET", Path: "/shop/notices", Right: web.Public, Handler: s.portal(s.shopNotices)},
		{Method: "POST", Path: "/shop/notices", Right: web.Public, Handler: s.portal(s.shopNoticesChanged)},
		{Method: "POST", Path: "/shop/notices/browser", Right: web.Public, Handler: s.postBrowser, Limit: 8 << 10},
		{Method: "POST", Path: "/shop/notices/off", Right: web.Public, Handler: s.portal(s.shopNoticesOff)},
	}
}

type noticesPage struct {
	frame
	Notice   *said
	Key      string // what browsers subscribe with; "": nothing is sent to them
	On       bool   // this browser is told
	Topics   []topicView
	From, To string
	Wrong    string
}

type topicView struct {
	Slug, Title, When string
	On                bool
}

func (s *Service) getPushWorker(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", pushWorker)
}

// thisBrowser is the installation that the visitor's browser was registered as; "": none.
func (s *Service) thisBrowser(c echo.Context) string {
	if v, ok := openID(s.browserKey, recalled(c, browserCookie)); ok {
		return v.String()
	}
	return ""
}

func (s *Service) shopNotices(c echo.Context, t *words.Tongue) error {
	var notice *said
	if what := c.QueryParam("said"); what == "saved" || what == "off" {
		notice = &said{Kind: "good", Title: t.Say("notices." + what)}
	}
	return s.showNotices(c, http.StatusOK, t, notice, func(*noticesPage) {})
}

func (s *Service) showNotices(c echo.Context, status int, t *words.Tongue, notice *said, more func(p *noticesPage)) error {
	ctx := c.Request().Context()
	p := noticesPage{frame: s.frame(c, t, t.Say("notices")), Notice: notice}
	p.Unlisted, p.About = true, t.Say("notices.about")
	key, err := s.browsers.BrowserKey(ctx, s.cfg.App)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
		return err
	}
	p.Key = key
	var tags []string
	if browser := s.thisBrowser(c); browser != "" && key != "" {
		tags, p.From, p.To, err = s.browsers.Browser(ctx, s.cfg.App, browser)
		if p.On = err == nil; err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	if p.Topics, err = s.topics(ctx, t, tags); err != nil {
		return err
	}
	more(&p)
	return c.Render(status, "portal/notices", p)
}

// topics are the events that can be followed, until they are over: of one that goes on, or was
// cancelled, people want to hear most.
func (s *Service) topics(ctx context.Context, t *words.Tongue, tags []string) (out []topicView, err error) {
	now := s.db.Now()
	events, _, err := s.Events(ctx, EventQuery{States: shownStates, Open: true, Going: &now, Limit: mostFollowed})
	for i := range events {
		v := events[i].shown(t, now)
		out = append(out, topicView{events[i].Slug, v.Title, v.When, slices.Contains(tags, followTag+events[i].Slug)})
	}
	return out, err
}

// followed are the tags of what was ticked: events that there are, and nothing else.
func (s *Service) followed(ctx context.Context, t *words.Tongue, slugs []string) (tags []string, err error) {
	topics, err := s.topics(ctx, t, nil)
	for _, topic := range topics {
		if slices.Contains(slugs, topic.Slug) {
			tags = append(tags, followTag+topic.Slug)
		}
	}
	return tags, err
}

// shopNoticesChanged replaces what this browser hears of, and when not.
func (s *Service) shopNoticesChanged(c echo.Context, t *words.Tongue) error {
	ctx, browser := c.Request().Context(), s.thisBrowser(c)
	values, err := c.FormParams()
	if err != nil || browser == "" {
		return c.Redirect(http.StatusSeeOther, "/shop/notices")
	}
	tags, err := s.followed(ctx, t, values["topic"])
	if err != nil {
		return err
	}
	from, to := values.Get("from"), values.Get("to")
	err = s.browsers.ChangeBrowser(ctx, s.cfg.App, browser, tags, from, to)
	if fault.Is(err, fault.Invalid) {
		return s.showNotices(c, http.StatusUnprocessableEntity, t, nil, func(p *noticesPage) {
			p.From, p.To, p.Wrong = from, to, t.Say("notices.quiet.wrong")
			for i := range p.Topics {
				p.Topics[i].On = slices.Contains(tags, followTag+p.Topics[i].Slug)
			}
		})
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/shop/notices?said=saved")
}

// browserSubscription is what a browser's push service gave it.
type browserSubscription struct {
	Endpoint string `json:"endpoint" validate:"required,max=2000"`
	Keys     struct {
		P256dh string `json:"p256dh" validate:"required,max=200"`
		Auth   string `json:"auth" validate:"required,max=200"`
	} `json:"keys"`
	Topics []string `json:"topics" validate:"max=50"`
}

// postBrowser registers the visitor's browser, under a name that only it knows.
func (s *Service) postBrowser(c echo.Context) error {
	in, err := web.Bind[browserSubscription](c)
	if err != nil {
		return err
	}
	ctx, t, browser := c.Request().Context(), s.tongueOf(c), s.thisBrowser(c)
	tags, err := s.followed(ctx, t, in.Topics)
	if err != nil {
		return err
	}
	if browser == "" {
		fresh := id.New()
		browser = fresh.String()
		s.remember(c, browserCookie, signedID(s.browserKey, fresh), "/shop", browserLife)
	}
	err = s.browsers.PutBrowser(ctx, s.cfg.App, browser, web.CallerOf(ctx).Person, t.Lang, [3]string{in.Endpoint, strings.TrimRight(in.Keys.P256dh, "="), strings.TrimRight(in.Keys.Auth, "=")}, tags, "", "")
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// shopNoticesOff forgets the browser. Its own subscription ends when nothing is sent to it.
func (s *Service) shopNoticesOff(c echo.Context, _ *words.Tongue) error {
	if browser := s.thisBrowser(c); browser != "" {
		if err := s.browsers.ForgetBrowser(c.Request().Context(), s.cfg.App, browser); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	s.remember(c, browserCookie, "", "/shop", 0)
	return c.Redirect(http.StatusSeeOther, "/shop/notices?said=off")
}
