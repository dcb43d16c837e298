package sales

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func drawQuote(t *rapid.T) Quote {
	q := Quote{Cart: id.New(), Event: id.New(), Currency: "EUR", Expires: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "expires"), 0).UTC()}
	for range rapid.IntRange(1, 4).Draw(t, "lines") {
		l := Line{Category: id.New(), Qty: rapid.IntRange(1, 9).Draw(t, "qty"), UnitMinor: rapid.Int64Range(0, 1e6).Draw(t, "unit")}
		if rapid.Bool().Draw(t, "more") {
			l.Also = []Debit{{id.New(), l.Qty}}
			l.Seats = []id.ID{id.New()}
		}
		q.Lines = append(q.Lines, l)
	}
	return q
}

func TestAQuoteReadsAsItWasSigned(t *testing.T) {
	s := newSigner([]byte("a key of thirty-two bytes, or so"))
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuote(t)
		got, err := s.open(s.sign(q))
		if err != nil || !reflect.DeepEqual(got, q) {
			t.Fatalf("%+v came back as %+v, %v", q, got, err)
		}
	})
}

func TestAQuoteThatWasTouchedIsRefused(t *testing.T) {
	s, other := newSigner([]byte("ours")), newSigner([]byte("theirs"))
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuote(t)
		token := []byte(s.sign(q))
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		was := token[at]
		token[at] = rapid.SampledFrom([]byte("ABCDabcd0123-_.")).Draw(t, "by")
		if got, err := s.open(string(token)); err == nil && token[at] != was && !reflect.DeepEqual(got, q) {
			t.Fatalf("byte %d was changed from %q to %q: %+v", at, was, token[at], got)
		}
	})
	q := Quote{Cart: id.New(), Event: id.New(), Currency: "EUR", Lines: []Line{{Category: id.New(), Qty: 1, UnitMinor: 4200}}}
	cheap := q
	cheap.Lines = []Line{{Category: q.Lines[0].Category, Qty: 1, UnitMinor: 1}}
	body, _, _ := strings.Cut(s.sign(cheap), ".")
	_, signature, _ := strings.Cut(s.sign(q), ".")
	for _, token := range []string{"", ".", "..", "a.b", other.sign(q), body + "." + signature, strings.Repeat("a", maxQuote) + ".b"} {
		if _, err := s.open(token); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.40q: %v", token, err)
		}
	}
}

func FuzzQuote(f *testing.F) {
	s := newSigner([]byte("ours"))
	f.Add(s.sign(Quote{Cart: id.New(), Event: id.New(), Currency: "EUR"}))
	f.Add("e30.AA")
	f.Fuzz(func(t *testing.T, token string) {
		if q, err := s.open(token); err == nil {
			if again, err := s.open(s.sign(q)); err != nil || again.Cart != q.Cart {
				t.Errorf("%q was accepted and does not read again: %v", token, err)
			}
		}
	})
}
