package sales

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/words"
)

// mostCarts bounds how many carts a browser remembers: one for each tab, and no more than a
// cookie takes.
const mostCarts = 5

// carts are those that the visitor's browser remembers, the latest first, as long as their
// prices are promised. He may fill one in each tab; the menu is the only way back to them.
func (s *Service) carts(c echo.Context) (open []cartRef) {
	for token := range strings.SplitSeq(recalled(c, cartCookie), ".") {
		if ref, ok := s.openCart(token); ok && len(open) < mostCarts && s.db.Now().Before(ref.Until) {
			open = append(open, ref)
		}
	}
	return open
}

// keepCarts has the browser remember these carts and no others.
func (s *Service) keepCarts(c echo.Context, open []cartRef) {
	var tokens []string
	var life time.Duration
	for _, ref := range open[:min(len(open), mostCarts)] {
		tokens = append(tokens, s.CartToken(ref))
		life = max(life, ref.Until.Sub(s.db.Now()))
	}
	s.remember(c, cartCookie, strings.Join(tokens, "."), "/", life)
}

// addCart has the browser remember a cart, and forget those that are gone.
func (s *Service) addCart(c echo.Context, fresh cartRef, gone []id.ID) {
	kept := slices.DeleteFunc(s.carts(c), func(ref cartRef) bool { return ref.Cart == fresh.Cart || slices.Contains(gone, ref.Cart) })
	s.keepCarts(c, append([]cartRef{fresh}, kept...))
}

// forgetCart has the browser forget a cart, and says which others it remembers.
func (s *Service) forgetCart(c echo.Context, cart id.ID) (left []cartRef) {
	left = slices.DeleteFunc(s.carts(c), func(ref cartRef) bool { return ref.Cart == cart })
	s.keepCarts(c, left)
	return left
}

// cartLinks are the menu's ways to carts; several are told apart by what they are for.
func (s *Service) cartLinks(ctx context.Context, t *words.Tongue, open []cartRef) []link {
	links := make([]link, len(open))
	for i, ref := range open {
		links[i] = link{"/shop/cart/" + s.CartToken(ref), t.Say("cart")}
		if len(open) == 1 {
			continue
		}
		if e, err := s.snapshot(ctx, ref.Event); err == nil {
			links[i].Name = t.Say("cart.of", cmp.Or(e.Text(t.Lang).Title, e.Slug))
		}
	}
	return links
}

// toCart leads into a cart, and has the browser forget those that it replaced.
func (s *Service) toCart(c echo.Context, ref cartRef, gone ...id.ID) error {
	s.addCart(c, ref, gone)
	return c.Redirect(http.StatusSeeOther, "/shop/cart/"+s.CartToken(ref))
}

// replaceCarts gives back what the visitor held of the same event before, and says which carts
// that were: nobody fills two by going back and forth. It is a courtesy; the hold would end by
// itself. One that is being paid stays, and so does a waiting list's offer: the next of the line
// would get it.
func (s *Service) replaceCarts(c echo.Context, fresh Cart) (gone []id.ID) {
	ctx := c.Request().Context()
	for _, old := range s.carts(c) {
		if old.Event != fresh.Event || old.Cart == fresh.ID {
			continue
		}
		lines, _, err := s.heldLines(ctx, old.Cart)
		if err != nil {
			continue
		}
		if paid, err := s.paymentUnderWay(ctx, old.Cart, true); err != nil || paid != nil {
			continue
		}
		if offered, err := s.isOffer(ctx, old.Cart); err != nil || offered {
			continue
		}
		if len(lines) > 0 {
			if err := s.Release(ctx, old.Cart, lines); err != nil {
				s.log.DebugContext(ctx, "a replaced cart ends by itself", "error", err)
			}
		}
		gone = append(gone, old.Cart)
	}
	return gone
}
