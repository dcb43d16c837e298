package sales

import (
	"crypto/hmac"
	"crypto/sha256"
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
type signer struct{ key []byte } // of quoteKey

func (s signer) sign(q Quote) string {
	w := quoted{Key: quoteKey, Cart: q.Cart, Event: q.Event, Currency: q.Currency, Expires: q.Expires.Unix()}
	for _, l := range q.Lines {
		w.Lines = append(w.Lines, quotedLine{l.Category, l.Qty, l.UnitMinor, l.Seats, l.Also})
	}
	body, err := json.Marshal(w)
	if err != nil {
		panic("sales: a quote is always JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(body) + "." + base64.RawURLEncoding.EncodeToString(s.mac(body))
}

func (s signer) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(body)
	return h.Sum(nil)
}

// open reads a quote that sign made; whether it has expired is for the database
// to say. Errors: fault.Invalid.
func (s signer) open(token string) (Quote, error) {
	bad := fault.BadField("sales.Quote", "quote", "was not made here", "send the quote of the cart as it was received")
	text, signature, ok := strings.Cut(token, ".")
	if !ok || len(token) > maxQuote {
		return Quote{}, bad
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Quote{}, bad
	}
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.mac(body)) {
		return Quote{}, bad
	}
	var w quoted
	if json.Unmarshal(body, &w) != nil || w.Key != quoteKey {
		return Quote{}, bad
	}
	q := Quote{Cart: w.Cart, Event: w.Event, Currency: w.Currency, Expires: time.Unix(w.Expires, 0).UTC()}
	for _, l := range w.Lines {
		q.Lines = append(q.Lines, Line{l.Category, l.Qty, l.Unit, l.Seats, l.Also})
	}
	return q, nil
}

// Total is what the quote's lines cost together, in minor units.
func (q *Quote) Total() int64 {
	var sum int64
	for _, l := range q.Lines {
		sum += int64(l.Qty) * l.UnitMinor
	}
	return sum
}
