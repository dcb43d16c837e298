package sales

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/words"
)

type eventShopPage struct {
	frame
	E           shownEvent
	Notice      *said
	Room        bool   // buyers pass the waiting room first
	Sellable    bool   // something can be bought now
	Unpaid      string // something could be, if there were a way to pay: why there is none
	Key         string
	Asks        bool // for codes: what they are good for is on sale
	Codes       []string
	CodeWrong   string
	Rows        []priceRow
	HoldMinutes int
	Live        string // where prices come from while they are looked at
	Anew        string // this page, for when something can be bought that could not
	Waiting     *waitingForm
}

// waitingForm is the sign-up to the waiting list.
type waitingForm struct {
	Why        string
	Categories []priceRow
	Category   id.ID
	Qty        int
	Email      string
	Wrong      map[string][]string
}

// visitor is a request for an event's page: what is there, and what the visitor brought.
type visitor struct {
	t      *words.Tongue
	now    time.Time
	e      *shelfEvent
	codes  []Code
	wrong  string // what is wrong with the last code
	chosen map[id.ID]int
	seated bool // what is chosen are seats of the plan
}

// visited reads the event, the codes and the choice of a request's address or form.
// Errors: fault.NotFound.
func (s *Service) visited(c echo.Context, t *words.Tongue) (v visitor, err error) {
	ctx := c.Request().Context()
	found, err := s.shopEvent(c)
	if err != nil {
		return v, err
	}
	v = visitor{t: t, now: s.db.Now(), chosen: map[id.ID]int{}}
	if v.e, err = s.snapshot(ctx, found.ID); err != nil {
		return v, err
	}
	values, err := c.FormParams()
	if err != nil {
		return v, fault.BadField("sales.shop", "form", "cannot be read", "send it again")
	}
	for i := range v.e.Categories {
		category := v.e.Categories[i].ID
		if n, err := strconv.Atoi(values.Get("qty_" + category.String())); err == nil && n > 0 {
			v.chosen[category] = n
		}
	}
	if category, err := id.Parse(values.Get("seated")); err == nil {
		v.seated, v.chosen[category] = true, len(values["seat"])
	}
	v.codes, v.wrong, err = s.codesBrought(ctx, v, codesTyped(values))
	return v, err
}

func (s *Service) shopEventPage(c echo.Context, t *words.Tongue) error {
	v, err := s.visited(c, t)
	if err != nil {
		return err
	}
	return s.showEvent(c, http.StatusOK, v, s.welcome(c, v))
}

// welcome is what a visitor is told who comes from somewhere in the shop.
func (s *Service) welcome(c echo.Context, v visitor) *said {
	t := v.t
	switch c.QueryParam("said") {
	case "back":
		return &said{Kind: "good", Title: t.Say("back.title"), Text: t.Say("back.text")}
	case "in":
		if left := s.passLeft(c, v.e.ID); left > 0 {
			return &said{Kind: "good", Title: t.Say("said.in"), Text: t.Say("said.in.fix", t.Span(left))}
		}
	case "waiting":
		ahead, err := strconv.Atoi(c.QueryParam("ahead"))
		if err == nil && ahead >= 0 {
			return &said{Kind: "good", Title: t.Say("wait.joined"), Text: t.Say("wait.ahead", ahead) + " " + t.Say(s.toldBy("wait.told", "wait.told.unsent"))}
		}
	}
	return nil
}

// toldBy is a text about news by e-mail, or the one for where none is sent.
func (s *Service) toldBy(letter, unsent string) string {
	if s.Mails() {
		return letter
	}
	return unsent
}

// showEvent draws the event's page with what there is to say about the last step.
func (s *Service) showEvent(c echo.Context, status int, v visitor, notice *said, more ...func(p *eventShopPage)) error {
	p := eventShopPage{frame: s.frame(c, v.t, ""), E: v.e.shown(v.t, v.now), Notice: notice, Key: id.New().String(), Codes: v.texts(), CodeWrong: v.wrong,
		Rows: v.e.rows(v.t, v.codes, v.chosen, v.now), HoldMinutes: int(s.cfg.Hold.Minutes())}
	p.Title, p.About, p.Canonical = p.E.Title, cmp.Or(p.E.Summary, p.E.When), s.origin(c)+p.E.URL
	p.Unlisted = v.e.Secret || v.e.Past(v.now) || status != http.StatusOK
	p.Data = v.e.schema(v.t, p.Canonical, v.now)
	var err error
	if p.Room, err = s.mustWait(c, v.e.ID); err != nil {
		return err
	}
	p.Asks = v.e.onSale(v.now) == nil
	form := waitingForm{Qty: 1, Why: v.t.Say(s.toldBy("wait.why", "wait.why.unsent"))}
	for _, r := range p.Rows {
		if p.Sellable = p.Sellable || r.Open; r.Unpaid {
			p.Unpaid = v.t.Say(s.whyUnpaid(&v.e.Event))
		}
		if r.Waits {
			form.Categories = append(form.Categories, r)
		}
	}
	if len(form.Categories) > 0 {
		form.Email = s.contactOf(c.Request().Context()).Email
		p.Waiting = &form
	}
	if p.Anew = withQuery(p.E.URL, url.Values{"code": p.Codes}); v.e.mayOpen(v.now) {
		p.Live = p.E.URL + "/live?" + url.Values{"code": p.Codes, "lang": {v.t.Lang}}.Encode()
	}
	for _, do := range more {
		do(&p)
	}
	return c.Render(status, "portal/event", p)
}
