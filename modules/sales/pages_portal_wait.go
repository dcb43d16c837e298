package sales

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// shopWait puts the visitor on a waiting list. Sent twice he stands where he stood.
func (s *Service) shopWait(c echo.Context, t *words.Tongue) error {
	v, err := s.visited(c, t)
	if err != nil {
		return err
	}
	category, err := id.Parse(c.FormValue("category"))
	k := v.e.Category(category)
	if err != nil || k == nil {
		return noCategory()
	}
	qty, _ := strconv.Atoi(c.FormValue("qty"))
	w := Waiting{Event: v.e.ID, Category: category, Qty: qty, Email: c.FormValue("email"), Locale: t.Lang}
	if person, err := id.Parse(web.CallerOf(c.Request().Context()).Person); err == nil {
		w.Person = &person
	}
	var ahead int
	err = s.db.InTx(c.Request().Context(), func(tx *db.Tx) error {
		ahead, err = s.JoinWaitlist(tx, w, v.texts())
		return err
	})
	switch {
	case err == nil:
		joined := url.Values{"said": {"waiting"}, "ahead": {strconv.Itoa(ahead)}, "code": v.texts()}
		return c.Redirect(http.StatusSeeOther, withQuery("/shop/events/"+v.e.Slug, joined))
	case fault.Is(err, fault.Conflict):
		return s.notWaiting(c, v, k)
	case !fault.Is(err, fault.Invalid):
		return err
	}
	wrong := waitWrong(t, k, err)
	return s.showEvent(c, http.StatusUnprocessableEntity, v, &said{Kind: "bad", Title: t.Say("said.form")}, func(p *eventShopPage) {
		if p.Waiting != nil {
			p.Waiting.Category, p.Waiting.Qty, p.Waiting.Email, p.Waiting.Wrong = category, qty, w.Email, wrong
		}
	})
}

// notWaiting says that the sale rests, or that nobody has to wait.
func (s *Service) notWaiting(c echo.Context, v visitor, k *Category) (err error) {
	s.shelves.forget(v.e.ID)
	if v.e, err = s.snapshot(c.Request().Context(), v.e.ID); err != nil {
		return err
	}
	notice := said{Kind: "good", Title: v.t.Say("event.tickets"), Text: v.t.Say("wait.needless")}
	if v.e.onSale(v.now) != nil || !k.open(v.now) {
		notice = said{Kind: "bad", Title: v.t.Say("said.closed"), Text: v.t.Say("said.closed.fix")}
	}
	return s.showEvent(c, http.StatusConflict, v, &notice)
}

// waitWrong says at which input of the waiting list's form what is wrong.
func waitWrong(t *words.Tongue, k *Category, err error) map[string][]string {
	wrong := map[string][]string{}
	for _, f := range fieldsOfFault(err) {
		switch f.Name {
		case "qty":
			wrong["qty"] = []string{t.Say("wait.between", k.MinPerOrder, k.MaxPerOrder)}
		case "email":
			wrong["email"] = []string{t.Say("form.email.wrong")}
		}
	}
	return wrong
}
