package sales

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// The links of an answer that tells what is wrong, to other languages and to the sign-in,
// lead to where it was asked, not to a form's own address, where nothing is.
func TestAnAnswerToAFormLeadsOn(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	there := "/shop/events/" + e.Slug
	_, cart := g.holds(e, 0, 2)
	_, order := g.goes(g.ask(cart+"/checkout", atDoor))
	order, _, _ = strings.Cut(order, "?")
	_, cart = g.holds(e, 0, 1)
	german := regexp.MustCompile(`href="([^"]+lang=de)"`)
	for form, says := range map[string]string{
		there + "/cart": "Jazznacht", there + "/waitlist": "Jazznacht", cart + "/checkout": "Ihr Warenkorb", order + "/tickets/2/transfer": "Ihre Tickets",
	} {
		answer := g.ask(form, url.Values{"version": {"1"}, "category": {e.Categories[3].ID.String()}, "qty": {"1"}, "email": {"nobody"}})
		if answer.Code != http.StatusUnprocessableEntity {
			t.Fatal(form, answer.Code, answer.Body)
		}
		link := german.FindStringSubmatch(answer.Body.String())
		if link == nil {
			t.Fatal(form, "has no link to German")
		}
		page, where := g.goes(g.ask(link[1], nil))
		if shows(t, page, 200, `<html lang="de">`, says); strings.Contains(where, "//") {
			t.Errorf("%s leads to %s", form, where)
		}
		delete(g.jar, langCookie)
	}
	for from, to := range map[string]string{cart + "/release": cart, order + "/resend?lang=de&x=y": order + "?lang=de", "/t/x/transfer": "/t/x", "/shop/events/a%2F..%2Fb/cart": "/shop/events/a%2F..%2Fb"} {
		if got := g.ask(from, nil).Header().Get("Location"); got != to {
			t.Errorf("%s leads to %q, not to %s", from, got, to)
		}
	}
}

// Who buys or loses one of two carts still finds the other one.
func TestTheCartOfAnotherTabIsKept(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, other := night(h), night(h, func(e *Event) { e.Slug = "blues" })
	for name, end := range map[string]func(g *guest, cart string) string{
		"bought":     func(g *guest, cart string) string { _, to := g.goes(g.ask(cart+"/checkout", atDoor)); return to },
		"given back": func(g *guest, cart string) string { _, to := g.goes(g.ask(cart+"/release", url.Values{})); return to },
		"over": func(_ *guest, cart string) string {
			h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE category = $1`, e.Categories[0].ID)
			return cart
		},
	} {
		g := newGuest(t, shopSite(h))
		_, first := g.holds(e, 0, 1)
		_, second := g.holds(other, 0, 1)
		for _, page := range []string{end(g, first), "/shop"} {
			if menu := g.ask(page, nil).Body.String(); !strings.Contains(menu, `class="to-cart" href="`+second+`"`) {
				t.Errorf("%s: %s has lost the way to the other cart", name, page)
			}
		}
		if end(g, second); name != "over" && g.jar[cartCookie] != nil {
			t.Errorf("%s: the browser still remembers the second", name)
		}
	}
}
