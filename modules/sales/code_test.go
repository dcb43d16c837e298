package sales

import (
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

func TestDiscountsAreRoundedForTheBuyer(t *testing.T) {
	for name, tc := range map[string]struct {
		code       Code
		price, fee int64
		want       int64
	}{
		"a tenth":                          {Code{Permille: 100}, 2500, 0, 2250},
		"half a cent goes to the buyer":    {Code{Permille: 500}, 1001, 0, 500},
		"less than half a cent does not":   {Code{Permille: 333}, 1000, 0, 667},
		"whole yen":                        {Code{Permille: 150}, 990, 0, 841}, // 148.5 is 149 off
		"the fee stays":                    {Code{Permille: 500}, 1000, 150, 650},
		"free has no fee":                  {Code{Permille: 1000}, 1000, 150, 0},
		"an amount":                        {Code{AmountMinor: 300}, 1000, 150, 850},
		"more than the price is the price": {Code{AmountMinor: 3000}, 1000, 150, 0},
		"it only opens":                    {Code{Opens: true}, 1000, 150, 1150},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&Category{PriceMinor: tc.price, FeeMinor: tc.fee}).unit(&tc.code); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestADiscountIsExactToHalfAUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price, permille := rapid.Int64Range(0, maxMinor).Draw(t, "price"), rapid.IntRange(0, 1000).Draw(t, "permille")
		got := (&Code{Permille: permille}).off(price)
		exact := new(big.Rat).Sub(big.NewRat(price, 1), new(big.Rat).Mul(big.NewRat(price, 1), big.NewRat(int64(permille), 1000)))
		diff := new(big.Rat).Sub(exact, big.NewRat(got, 1)) // what the buyer saves by rounding
		if got < 0 || got > price || diff.Cmp(big.NewRat(-1, 2)) <= 0 || diff.Cmp(big.NewRat(1, 2)) > 0 {
			t.Fatalf("%d less %d permille is %d, exactly %v", price, permille, got, exact)
		}
		amount := rapid.Int64Range(1, maxMinor).Draw(t, "amount")
		if got := (&Code{AmountMinor: amount}).off(price); got != max(price-amount, 0) {
			t.Fatalf("%d less %d is %d", price, amount, got)
		}
	})
}

func TestTheLastUseOfACodeIsUsedOnce(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 10_000})
	for round := range 10 {
		code := h.code(Code{Code: fmt.Sprintf("last-%d", round), Permille: 500, MaxUses: 1})
		var won, lost atomic.Int64
		crowd(64, func(int) {
			o, err := h.buy(e, []string{code.Code}, Wanted{Category: e.Categories[0].ID, Qty: 1})
			switch {
			case err == nil && o.TotalMinor == 500:
				won.Add(1)
			case fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid):
				lost.Add(1)
			default:
				t.Errorf("%+v, %v", o, err)
			}
		})
		if won.Load() != 1 || lost.Load() != 63 {
			t.Fatalf("%d used it, %d were refused", won.Load(), lost.Load())
		}
	}
	h.auditCatalogue()
}

func TestCodesOpenAndAreLimited(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 100}, Category{PriceMinor: 5000, Capacity: 100, Hidden: true})
	open, hidden := e.Categories[0].ID, e.Categories[1].ID
	past := h.db.Now().Add(-time.Hour)
	friends := h.code(Code{Code: "friends", Opens: true, MaxUses: 3})
	h.code(Code{Code: "tenth", Permille: 100, MaxPerOrder: 2})
	h.code(Code{Code: "floor-half", Permille: 500, Categories: []id.ID{open}})
	h.code(Code{Code: "over", Permille: 500, ValidUntil: &past})
	for name, tc := range map[string]struct {
		codes []string
		want  Wanted
		total int64
		says  string
	}{
		"typed as one likes":             {[]string{" Tenth "}, Wanted{Category: open, Qty: 2}, 1800, ""},
		"the cheapest of several":        {[]string{"tenth", "FLOOR-HALF"}, Wanted{Category: open, Qty: 2}, 1000, ""},
		"beyond its tickets an order":    {[]string{"tenth"}, Wanted{Category: open, Qty: 3}, 0, "2 tickets an order"},
		"unknown":                        {[]string{"nonsense"}, Wanted{Category: open, Qty: 1}, 0, "not a code"},
		"over":                           {[]string{"over"}, Wanted{Category: open, Qty: 1}, 0, "no longer valid"},
		"good for another category":      {[]string{"floor-half", "friends"}, Wanted{Category: hidden, Qty: 1}, 0, "not good for these"},
		"opened, and cheaper by another": {[]string{"friends", "tenth"}, Wanted{Category: hidden, Qty: 1}, 4500, ""},
		"opens nothing where it is open": {[]string{"friends"}, Wanted{Category: open, Qty: 1}, 0, "not good for these"},
		"a discount alone opens nothing": {[]string{"tenth"}, Wanted{Category: hidden, Qty: 1}, 0, "none of the event's"},
		"six codes":                      {strings.Split("a b c d e f", " "), Wanted{Category: open, Qty: 1}, 0, "at most 5"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := h.buy(e, tc.codes, tc.want)
			if tc.says == "" && (err != nil || o.TotalMinor != tc.total) || tc.says != "" && !strings.Contains(wordsOf(err), tc.says) {
				t.Errorf("%d, %v", o.TotalMinor, wordsOf(err))
			}
		})
	}
	if used := h.number(`SELECT sold FROM sales.stock WHERE id = $1`, friends.ID); used != 1 {
		t.Errorf("the opening code counts %d uses, want 1", used)
	}
	// One that was used is ended, not removed.
	if err := h.RemoveCode(t.Context(), e.ID, friends.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("removed a used code: %v", err)
	}
	friends.MaxUses = 0
	if _, err := h.ChangeCode(t.Context(), friends); err != nil {
		t.Error(err)
	}
	if err := h.EndCode(t.Context(), e.ID, friends.ID); err != nil {
		t.Error(err)
	}
	if _, err := h.buy(e, []string{"friends"}, Wanted{Category: hidden, Qty: 1}); !strings.Contains(wordsOf(err), "no longer valid") {
		t.Errorf("an ended code: %v", err)
	}
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := h.AddCode(tx, Code{Event: e.ID, Code: "TENTH", Permille: 1})
		return err
	})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("twice the same code: %v", err)
	}
}

// A category that is removed takes no code along: what named it can be changed and copied.
func TestACodeOutlivesItsCategories(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 5}, Category{PriceMinor: 2000, Capacity: 5})
	e, err := h.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	gone, stays := e.Categories[0].ID, e.Categories[1].ID
	both := h.code(Code{Code: "BOTH", Permille: 100, Categories: []id.ID{gone, stays}})
	dead := h.code(Code{Code: "DEAD", Permille: 100, Categories: []id.ID{gone}})
	h.code(Code{Code: "EVERY", Permille: 100})
	if err := h.RemoveCategory(t.Context(), e.ID, gone, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Code{both, dead} {
		c.Note = "changed"
		if changed, err := h.ChangeCode(t.Context(), c); err != nil || len(changed.Categories) != len(c.Categories) {
			t.Errorf("%s: %+v, %v", c.Code, changed, err)
		}
	}
	both.Categories = []id.ID{stays, id.New()}
	if _, err := h.ChangeCode(t.Context(), both); !fault.Is(err, fault.Invalid) {
		t.Errorf("a category that never was: %v", err)
	}
	var made Event
	h.in(func(tx *db.Tx) (err error) {
		made, err = h.CopyEvent(tx, e.ID, Copy{Slug: "copied", StartsAt: e.StartsAt.Add(24 * time.Hour), Codes: true}, "ana")
		return err
	})
	codes, err := h.Codes(t.Context(), made.ID, "", 10)
	if err != nil || len(codes) != 2 || codes[0].Code != "BOTH" || len(codes[0].Categories) != 1 || codes[0].Categories[0] != made.Categories[0].ID || codes[1].Code != "EVERY" {
		t.Errorf("copied: %+v, %v", codes, err)
	}
}
