package sales

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// States of somebody on a waiting list.
const (
	waitWaiting = "waiting"
	waitOffered = "offered" // a cart holds tickets for him until OfferUntil
	waitBought  = "bought"
	waitExpired = "expired" // the offer passed on; he may join again
	waitLeft    = "left"
)

// Waiting is somebody on the waiting list of a category. Its id is also that of the
// cart which an offer holds.
type Waiting struct { //nolint:recvcheck // utc changes a copy
	ID         id.ID      `json:"id"`
	Event      id.ID      `json:"event"`
	Category   id.ID      `json:"category"`
	Qty        int        `json:"qty"`
	Email      string     `json:"email"`
	Person     *id.ID     `json:"person,omitempty"`
	Locale     string     `json:"locale"`
	State      string     `json:"state"`
	OfferedQty int        `json:"offered_qty,omitempty"`
	OfferUntil *time.Time `json:"offer_until,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	No         int64      `json:"no"` // the order of the line
}

// check tidies what somebody asks of a waiting list.
func (w *Waiting) check(bad complaint, c *Category, e *Event) {
	if w.Qty < c.MinPerOrder || w.Qty > c.MaxPerOrder {
		bad("qty", fmt.Sprintf("is %d", w.Qty), fmt.Sprintf("%d to %d tickets of this category an order", c.MinPerOrder, c.MaxPerOrder))
	}
	w.Email = strings.TrimSpace(w.Email)
	if a, err := mail.ParseAddress(w.Email); err != nil || a.Address != w.Email || len(w.Email) > 254 {
		bad("email", "is not an e-mail address", "such as ana@example.org, without a name")
	}
	if w.Locale == "" {
		w.Locale = e.Locales[0]
	}
	if tag, err := language.Parse(w.Locale); err != nil || len(w.Locale) > 35 {
		bad("locale", fmt.Sprintf("%q is no language tag", clip(w.Locale)), `BCP 47, such as "de"`)
	} else {
		w.Locale = tag.String()
	}
}

// JoinWaitlist puts somebody at the end of a category's line; who stands there
// already stays where he is. It returns how many stand before him, or all who stand there
// when he does but is not signed in as who joined then: whoever joins with another's
// address is told what a newcomer is. The offer goes to the address alone.
//
// Errors: fault.NotFound, fault.Invalid, fault.Conflict while tickets can be bought
// or the sale is closed.
func (s *Service) JoinWaitlist(tx *db.Tx, w Waiting, codes []string) (ahead int, err error) {
	const op = "sales.JoinWaitlist"
	e, err := s.eventWithin(tx, w.Event)
	if err != nil {
		return 0, err
	}
	if err := e.onSale(tx.Now()); err != nil {
		return 0, err
	}
	c := e.Category(w.Category)
	if c == nil {
		return 0, noCategory()
	}
	if c.Hidden {
		if err := s.opensHidden(tx, c, codes); err != nil {
			return 0, err
		}
	}
	if err := collect(op, func(bad complaint) { w.check(bad, c, &e) }); err != nil {
		return 0, err
	}
	if !c.open(tx.Now()) {
		return 0, fault.E(op, fault.Conflict, "this category is not on sale now", nil)
	}
	before, err := waitingBefore(tx, c.ID)
	if err != nil {
		return 0, err
	}
	if c.Free >= w.Qty && before == 0 {
		return 0, fault.E(op, fault.Conflict, "there are tickets: nobody has to wait", nil).WithFix("buy them")
	}
	if ahead = before; w.Person != nil {
		if ahead, err = waitingBeforePerson(tx, w); err != nil {
			return 0, err
		}
	}
	w.ID, w.State, w.CreatedAt = id.New(), waitWaiting, tx.Now()
	return ahead, insertWaiting(tx, w)
}

// open reports whether the category's own window is open.
func (c *Category) open(now time.Time) bool {
	return (c.SaleFrom == nil || !now.Before(*c.SaleFrom)) && (c.SaleUntil == nil || now.Before(*c.SaleUntil))
}

// opensHidden refuses a hidden category, as if there were none, without a code for it.
func (s *Service) opensHidden(tx *db.Tx, c *Category, typed []string) error {
	texts := make([]string, 0, maxCodes)
	for _, t := range typed[:min(len(typed), maxCodes)] {
		texts = append(texts, CodeText(t))
	}
	codes, err := codesByText(tx.ORM(), c.Event, texts)
	if err != nil {
		return err
	}
	for _, code := range codes {
		if code.Opens && code.concerns(c.ID) && code.valid(tx.Now()) {
			return nil
		}
	}
	return noCategory()
}

// LeaveWaitlist takes the holder of an offer's link out of the line, and gives back
// what was held for him. Errors: fault.Invalid for a link that is none.
func (s *Service) LeaveWaitlist(ctx context.Context, token string) error {
	entry, err := s.offerID(token)
	if err != nil {
		return err
	}
	return s.leave(ctx, entry)
}

// RemoveWaiting does the same for the promoter. Errors: fault.NotFound.
func (s *Service) RemoveWaiting(ctx context.Context, event, entry id.ID) error {
	w, err := s.findWaiting(ctx, entry)
	if err != nil {
		return err
	}
	if w.Event != event {
		return noWaiting(nil)
	}
	return s.leave(ctx, entry)
}

func (s *Service) leave(ctx context.Context, entry id.ID) error {
	lines, _, err := s.heldLines(ctx, entry)
	if err != nil {
		return err
	}
	if len(lines) > 0 {
		if err := s.Release(ctx, entry, lines); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	} else { // it may have been bought a moment ago
		key := NewRepeatKey("cart", entry.String())
		if err := s.settle(ctx, []id.ID{entry}, [][]byte{key[:]}); err != nil {
			return err
		}
	}
	return s.endWaiting(ctx, entry, waitLeft)
}

// Offer is what waits for the holder of an offer's link: a cart like any other.
type Offer struct {
	Waiting
	Cart Cart
}

// OfferOf reads an offer by its link. Errors: fault.Invalid for a link that is none,
// fault.NotFound, fault.Conflict when the offer has ended.
func (s *Service) OfferOf(ctx context.Context, token string) (Offer, error) {
	const op = "sales.OfferOf"
	entry, err := s.offerID(token)
	if err != nil {
		return Offer{}, err
	}
	w, err := s.findWaiting(ctx, entry)
	if err != nil {
		return Offer{}, err
	}
	lines, expires, err := s.heldLines(ctx, entry)
	if err != nil {
		return Offer{}, err
	}
	if len(lines) == 0 {
		return Offer{}, fault.E(op, fault.Conflict, "the offer has ended", nil).WithFix("join the waiting list again")
	}
	return Offer{w, Cart{ID: entry, Event: w.Event, Lines: lines, Left: expires.Sub(s.db.Now()), ExpiresAt: expires}}, nil
}

// OfferToken is the secret part of an offer's link.
func (s *Service) OfferToken(entry id.ID) string {
	return base64.RawURLEncoding.EncodeToString(append(entry[:], s.offerMAC(entry)...))
}

func (s *Service) offerMAC(entry id.ID) []byte {
	m := hmac.New(sha256.New, s.offerKey)
	m.Write(entry[:])
	return m.Sum(nil)[:16]
}

func (s *Service) offerID(token string) (id.ID, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(b) == 32 && hmac.Equal(b[16:], s.offerMAC(id.ID(b[:16]))) {
		return id.ID(b[:16]), nil
	}
	return id.Nil, fault.BadField("sales.OfferOf", "token", "was not given out here", "use the link of the e-mail as it is")
}
