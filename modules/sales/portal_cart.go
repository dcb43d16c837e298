package sales

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// cartRef is what the link to a cart says: which, of which event, and until when its
// prices are promised. What it holds is in the database, where a visitor without
// scripts cannot lose it.
type cartRef struct {
	Cart, Event id.ID
	Until       time.Time // seconds
}

const cartRefSize = 16 + 16 + 8

// CartToken is the secret part of the link to a cart.
func (s *Service) CartToken(r cartRef) string {
	b := append(append(make([]byte, 0, cartRefSize+16), r.Cart[:]...), r.Event[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Until.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, s.cartMAC(b)...))
}

// openCart reads it; ok is false when it was made elsewhere.
func (s *Service) openCart(token string) (r cartRef, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != cartRefSize+16 || !hmac.Equal(b[cartRefSize:], s.cartMAC(b[:cartRefSize])) {
		return cartRef{}, false
	}
	return cartRef{id.ID(b[:16]), id.ID(b[16:32]), time.Unix(int64(binary.BigEndian.Uint64(b[32:40])), 0).UTC()}, true
}

func (s *Service) cartMAC(b []byte) []byte {
	m := hmac.New(sha256.New, s.cartKey)
	m.Write(b)
	return m.Sum(nil)[:16]
}

// heldCart is a cart as it stands now.
type heldCart struct {
	cartRef
	Lines []Line        // none: the hold has ended
	Left  time.Duration // until its prices are promised no more
	Order *id.ID        // it was bought
	Paid  *id.ID        // a payment that is past choosing another way
}

// cart looks a cart up. It may hold longer than its prices are promised, while a
// payment goes on: then there is no other way to pay. Errors: fault.NotFound for a link that is none of ours.
func (s *Service) cart(ctx context.Context, token string) (h heldCart, err error) {
	ref, ok := s.openCart(token)
	if !ok {
		return h, fault.E("sales.Cart", fault.NotFound, "there is no such cart", nil)
	}
	h.cartRef = ref
	var promised time.Time
	if h.Lines, promised, err = s.heldLines(ctx, ref.Cart); err != nil {
		return h, err
	}
	if len(h.Lines) > 0 {
		h.Until, h.Left = promised, promised.Sub(s.db.Now())
		h.Paid, err = s.paymentUnderWay(ctx, ref.Cart, h.Left <= 0)
		return h, err
	}
	if h.Order, err = s.orderOfCart(ctx, ref.Cart); err != nil || h.Order != nil {
		return h, err
	}
	h.Paid, err = s.paymentUnderWay(ctx, ref.Cart, false)
	return h, err
}

// orderOfCart is the order that a cart became; nil: none.
func (s *Service) orderOfCart(ctx context.Context, cart id.ID) (*id.ID, error) {
	found, err := s.till.store.orderOf(ctx, &ask{key: NewRepeatKey("cart", cart.String())})
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &found.order.ID, err
}

// quote promises what the cart holds at the prices it was filled at, no longer than
// was promised at first: a payment that was begun and left does not make it last.
func (h *heldCart) quote(currency string) Quote {
	return Quote{Cart: h.Cart, Event: h.Event, Currency: currency, Lines: h.Lines, Expires: h.Until}
}
