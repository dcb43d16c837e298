package sales

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// What is written and read by hand is what encoding/json writes and reads.
func TestQuotesAreWrittenAndReadAsJSON(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuote(t)
		q.Currency = rapid.SampledFrom([]string{"EUR", "JPY", "€", `"`}).Draw(t, "currency")
		w := quoted{Key: quoteKey, Cart: q.Cart, Event: q.Event, Currency: q.Currency, Expires: q.Expires.Unix()}
		for _, l := range q.Lines {
			w.Lines = append(w.Lines, quotedLine{l.Category, l.Qty, l.UnitMinor, l.Seats, l.Also})
		}
		want, err := json.Marshal(w)
		body := q.appendJSON(nil)
		if err != nil || string(body) != string(want) {
			t.Fatalf("writes %s, encoding/json %s, %v", body, want, err)
		}
		var got quoted
		if !got.readJSON(body) {
			return // the long way, which other tests go
		}
		if quick++; !reflect.DeepEqual(got, w) {
			t.Fatalf("reads %+v, not %+v", got, w)
		}
	})
	if quick == 0 {
		t.Error("no quote is read the quick way")
	}
}
