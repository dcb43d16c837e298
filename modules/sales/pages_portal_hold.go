package sales

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// shopHold puts what was chosen into a cart. Sent twice it finds the same cart; another
// choice of the same visitor replaces the one before.
func (s *Service) shopHold(c echo.Context, t *words.Tongue) error {
	ctx := c.Request().Context()
	v, err := s.visited(c, t)
	if err != nil {
		return err
	}
	wanted, unfit := v.wanted(c)
	if unfit != nil {
		return s.refuse(c, v, http.StatusUnprocessableEntity, unfit)
	}
	if wait, err := s.mustWait(c, v.e.ID); err != nil || wait {
		if err != nil {
			return err
		}
		return s.shopRoomJoined(c, t)
	}
	p := Purchase{Event: v.e.ID, Currency: v.e.Currency, Caller: web.Actor(ctx), Person: web.CallerOf(ctx).Person}
	if p.Asked, err = json.Marshal(choice{Event: v.e.ID, Lines: wanted, Codes: v.texts()}); err != nil {
		return err
	}
	p.Key = formKey(c.FormValue("key"), p.Asked)
	if done, err := s.heldBefore(c, &p); err != nil || done {
		return err
	}
	if v.wrong != "" { // nobody pays more because of a slip
		return s.refuse(c, v, http.StatusConflict, &said{Kind: "bad", Title: t.Say("said.code"), Text: v.wrong + " " + t.Say("said.code.none")})
	}
	if moved := v.moved(c, wanted); moved != nil {
		return s.refuse(c, v, http.StatusConflict, moved)
	}
	if p.Lines, err = s.price(ctx, v.e.ID, wanted, v.texts()); err == nil {
		if v.e.unpaid && costs(p.Lines) {
			return s.refuse(c, v, http.StatusConflict, &said{Kind: "bad", Title: t.Say("said.unpaid"), Text: t.Say(s.whyUnpaid(&v.e.Event)) + " " + t.Say("said.unpaid.fix")})
		}
		var cart Cart
		if cart, _, err = s.Hold(ctx, p); err == nil {
			return s.toCart(c, cartRef{cart.ID, v.e.ID, cart.ExpiresAt}, s.replaceCarts(c, cart)...)
		}
	}
	return s.notHeld(c, v, err)
}

// notHeld shows what there is now, when err is one that the visitor can resolve.
func (s *Service) notHeld(c echo.Context, v visitor, err error) error {
	if v.refused(err) == nil {
		return err
	}
	refused, ctx, typed := err, c.Request().Context(), codesTyped(c.Request().Form)
	s.shelves.forget(v.e.ID)
	if v.e, err = s.snapshot(ctx, v.e.ID); err != nil {
		return err
	}
	if v.codes, v.wrong, err = s.codesBrought(ctx, v, typed); err != nil {
		return err
	}
	return s.refuse(c, v, http.StatusConflict, v.refused(refused))
}

// formKey makes of a form's key one for what it asks: a visitor who goes back and
// chooses otherwise asks for another cart.
func formKey(given string, asked []byte) string {
	if len(given) < 20 || len(given) > 100 {
		return "" // it was not ours: each time is a new one
	}
	sum := sha256.Sum256(append([]byte(given), asked...))
	return "shop-" + hex.EncodeToString(sum[:16])
}

// heldBefore answers a form that was sent before.
func (s *Service) heldBefore(c echo.Context, p *Purchase) (done bool, err error) {
	if p.Key == "" {
		return false, nil
	}
	ctx, cart := c.Request().Context(), cartOf(NewRepeatKey("hold", p.Caller, p.Key))
	order, err := s.orderOfCart(ctx, cart)
	if err != nil {
		return false, err
	}
	if order != nil {
		return true, c.Redirect(http.StatusSeeOther, "/o/"+s.OrderToken(*order)+"?said=bought")
	}
	lines, until, err := s.heldLines(ctx, cart)
	if err != nil || len(lines) == 0 {
		return false, err
	}
	return true, s.toCart(c, cartRef{cart, p.Event, until})
}

// refuse shows the event's page again with what was chosen, or the plan of seats when
// it was chosen from there.
func (s *Service) refuse(c echo.Context, v visitor, status int, notice *said) error {
	if category, err := id.Parse(c.FormValue("seated")); err == nil {
		return s.showSeats(c, status, v, category, notice)
	}
	return s.showEvent(c, status, v, notice)
}

// wanted is what the form asks for. unfit says why it cannot be asked for.
func (v *visitor) wanted(c echo.Context) (wanted []Wanted, unfit *said) {
	t := v.t
	if seated, err := id.Parse(c.FormValue("seated")); err == nil {
		wanted = wantedSeats(c, seated)
	} else {
		for i := range v.e.Categories {
			if k := v.e.Categories[i].ID; v.chosen[k] > 0 {
				wanted = append(wanted, Wanted{Category: k, Qty: v.chosen[k]})
			}
		}
	}
	if len(wanted) == 0 && v.e.onSale(v.now) != nil { // it ended while he chose: there was nothing to choose any more
		return nil, &said{Kind: "bad", Title: t.Say("said.closed"), Text: t.Say("said.closed.fix")}
	}
	if len(wanted) == 0 {
		return nil, &said{Kind: "warn", Title: t.Say("said.nothing"), Text: t.Say("said.nothing.fix")}
	}
	for _, w := range wanted {
		k := v.e.Category(w.Category)
		if k == nil {
			return nil, &said{Kind: "bad", Title: t.Say("said.closed"), Text: t.Say("said.closed.fix")}
		}
		if w.Qty < k.MinPerOrder || w.Qty > k.MaxPerOrder {
			return nil, &said{Kind: "warn", Title: t.Say("said.limits"), Text: t.Say("said.limits.line", TextIn(k.Names, v.e.Locales, t.Lang).Title, k.MinPerOrder, k.MaxPerOrder)}
		}
	}
	return wanted, nil
}

// wantedSeats are the seats of a category that the form names.
func wantedSeats(c echo.Context, category id.ID) []Wanted {
	w := Wanted{Category: category}
	for _, text := range c.Request().Form["seat"] {
		if seat, err := id.Parse(text); err == nil && len(w.Seats) <= maxQty {
			w.Seats = append(w.Seats, seat)
		}
	}
	if w.Qty = len(w.Seats); w.Qty == 0 {
		return nil
	}
	return []Wanted{w}
}

// moved compares what the visitor saw with what it costs now. Who saw more than it
// costs simply pays less.
func (v *visitor) moved(c echo.Context, wanted []Wanted) *said {
	notice := said{Kind: "warn", Title: v.t.Say("said.moved"), Text: v.t.Say("said.moved.fix")}
	for _, r := range v.e.rows(v.t, v.codes, nil, v.now) {
		for _, w := range wanted {
			seen, err := strconv.ParseInt(c.FormValue("seen_"+r.ID.String()), 10, 64)
			if w.Category == r.ID && err == nil && r.Unit > seen {
				notice.More = append(notice.More, v.t.Say("said.moved.line", r.Title, priceWords(v.t, seen, v.e.Currency), r.Price))
			}
		}
	}
	if notice.More == nil {
		return nil
	}
	return &notice
}

// refused says kindly why there is no cart; nil: it is not for the visitor to mend.
func (v *visitor) refused(err error) *said {
	t := v.t
	var key string
	switch {
	case fault.Is(err, fault.Limited) || fault.Is(err, fault.Transient):
		key = "said.crowd"
	case fault.Is(err, fault.Invalid):
		key = "said.code"
		for _, f := range fieldsOfFault(err) {
			if len(f.Name) < 5 || f.Name[:5] != "codes" {
				key = "said.closed"
			}
		}
	case fault.Is(err, fault.Conflict):
		key = v.conflict()
	default:
		return nil
	}
	out := said{Kind: "bad", Title: t.Say(key), Text: t.Say(key + ".fix")}
	over := v.overused()
	switch code, left := v.usedUp(); {
	case key == "said.uses":
		out.Text = t.Say("said.uses.left", left, code.Code)
	case key == "said.code" && fault.Is(err, fault.Conflict):
		out.Text = v.wrong
	case key == "said.code" && over != nil:
		out.Text = t.Say("said.code.max", over.Code, over.MaxPerOrder)
	}
	return &out
}

// conflict tells the reasons apart by what is for sale.
func (v *visitor) conflict() string {
	if v.e.onSale(v.now) != nil {
		return "said.closed"
	}
	for category := range v.chosen {
		if v.e.queues[category] {
			return "said.waited"
		}
		if k := v.e.Category(category); k != nil && !k.open(v.now) {
			return "said.closed"
		}
	}
	if code, _ := v.usedUp(); code != nil {
		return "said.uses"
	}
	if v.wrong != "" { // somebody has used it up meanwhile
		return "said.code"
	}
	if v.seated {
		return "said.seats"
	}
	return "said.short"
}

// again is where a cart was filled, with what it held filled in: the event's page, or the plan
// when it was seats of one category; and the codes it used, without which it costs more or is hidden.
func (s *Service) again(ctx context.Context, e *shelfEvent, lines []Line) (string, error) {
	q, page := url.Values{}, "/shop/events/"+e.Slug
	codes, err := s.codesUsed(ctx, e.ID, lines)
	if err != nil {
		return "", err
	}
	for _, code := range codes {
		q.Add("code", code.Code)
	}
	if len(lines) == 1 && len(lines[0].Seats) > 0 {
		for _, seat := range lines[0].Seats {
			q.Add("seat", seat.String())
		}
		return page + "/seats/" + lines[0].Category.String() + "?" + q.Encode(), nil
	}
	for _, l := range lines {
		q.Set("qty_"+l.Category.String(), strconv.Itoa(l.Qty))
	}
	return page + "?" + q.Encode(), nil
}

// chosenIn is what a form or an address has chosen, for the address of another page: who has to
// wait in between finds it again.
func chosenIn(c echo.Context) url.Values {
	out := url.Values{}
	values, err := c.FormParams()
	if err != nil { // nothing that could be told
		return out
	}
	for name, said := range values {
		switch {
		case name == "code":
			codes := codesTyped(values)
			out[name] = codes[:min(len(codes), maxCodes)]
		case strings.HasPrefix(name, "qty_") && said[0] != "" && said[0] != "0":
			out.Set(name, said[0])
		}
	}
	if seats := len(values["seat"]); seats > 0 {
		out.Set("qty_"+values.Get("seated"), strconv.Itoa(seats))
	}
	return out
}
