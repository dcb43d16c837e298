package sales

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Quote is the promise that a cart's lines cost what they cost when they were
// chosen, until its hold ends. The buyer carries it, signed: what he says later
// about prices, seats and discounts is taken from it and from nowhere else.
type Quote struct {
	Cart     id.ID
	Event    id.ID
	Currency string
	Lines    []Line
	Expires  time.Time // seconds
}

// quoted is a quote on the wire; its names are short because people's browsers carry it.
type quoted struct {
	Key      string       `json:"k"` // which key signed it
	Cart     id.ID        `json:"c"`
	Event    id.ID        `json:"e"`
	Currency string       `json:"m"`
	Lines    []quotedLine `json:"l"`
	Expires  int64        `json:"x"`
}

type quotedLine struct {
	Category id.ID   `json:"c"`
	Qty      int     `json:"q"`
	Unit     int64   `json:"u"`
	Seats    []id.ID `json:"s,omitempty"`
	Also     []Debit `json:"a,omitempty"`
}

// quoteKey names the key in use; another one may be added when it is changed,
// while quotes signed with this one are still about.
const quoteKey = "1"

// maxQuote bounds a quote in bytes, before anything of it is decoded.
const maxQuote = 64 << 10

// signer signs quotes.
type signer struct{ macs *macs } // of quoteKey

func newSigner(key []byte) signer { return signer{newMACs(key)} }

func (s signer) sign(q Quote) string {
	body := q.appendJSON(make([]byte, 0, 256))
	text := make([]byte, 0, 512)
	text = append(base64.RawURLEncoding.AppendEncode(text, body), '.')
	return string(base64.RawURLEncoding.AppendEncode(text, s.macs.append(nil, body)))
}

// open reads a quote that sign made; whether it has expired is for the database
// to say. Errors: fault.Invalid.
func (s signer) open(token string) (Quote, error) {
	text, signature, ok := strings.Cut(token, ".")
	if !ok || len(token) > maxQuote {
		return Quote{}, badQuote()
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Quote{}, badQuote()
	}
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.macs.append(nil, body)) {
		return Quote{}, badQuote()
	}
	var w quoted
	if !w.readJSON(body) {
		w = quoted{}
		if json.Unmarshal(body, &w) != nil {
			return Quote{}, badQuote()
		}
	}
	if w.Key != quoteKey {
		return Quote{}, badQuote()
	}
	q := Quote{Cart: w.Cart, Event: w.Event, Currency: w.Currency, Expires: time.Unix(w.Expires, 0).UTC()}
	for _, l := range w.Lines {
		q.Lines = append(q.Lines, Line{l.Category, l.Qty, l.Unit, l.Seats, l.Also})
	}
	return q, nil
}

func badQuote() error {
	return fault.BadField("sales.Quote", "quote", "was not made here", "send the quote of the cart as it was received")
}

// mayBuy refuses a quote in other money than the event takes now. That can change while
// nothing is held, and a cart's id may come again: the quote is of the hold before.
func (q *Quote) mayBuy(e *Event) error {
	if q.Currency == e.Currency {
		return nil
	}
	return fault.E("sales.Quote", fault.Conflict, "the quote is in "+q.Currency+", and the event sells in "+e.Currency+" now", nil).WithFix("choose the tickets again")
}

// Total is what the quote's lines cost together, in minor units.
func (q *Quote) Total() int64 {
	var sum int64
	for _, l := range q.Lines {
		sum += int64(l.Qty) * l.UnitMinor
	}
	return sum
}
