package sales

import (
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

func TestAnInvoiceAndItsCreditNotesSayTheSame(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	p, order := h.paidOrder(e, two)
	if _, err := h.refund(order, Refunding{Tickets: []int{1}}); err != nil {
		t.Fatal(err)
	}
	found, err := h.InvoicesOf(t.Context(), order)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	invoice, credit := found[0], found[1]
	if invoice.Number != 1 || credit.Number != 2 || credit.Document.Of != invoice.Name() || invoice.Kind != kindInvoice || credit.Kind != kindCredit {
		t.Errorf("%s and %s", invoice.Name(), credit.Name())
	}
	// 50.00 at 19 % are 7.98 tax, 2.00 are 0.32.
	if b := invoice.Document.Bill; b.GrossMinor != p.AmountMinor || b.TaxMinor != 798+32 || b.Taxes[0].NetMinor != 5200-830 || len(b.Lines) != 2 {
		t.Errorf("%+v", b)
	}
	if b := credit.Document.Bill; b.GrossMinor != 2600 || b.TaxMinor != 399+16 {
		t.Errorf("%+v", b)
	}
	if invoice.Document.Buyer.Email != "ana@example.org" || invoice.Document.Seller.TaxID != "ATU123" {
		t.Errorf("%+v", invoice.Document)
	}
	h.in(func(tx *db.Tx) error { _, err := h.SetPrice(tx, two.Category, 1, "sale", "ana"); return err })
	h.cfg.Seller.Name = "Somebody else"
	if again, err := h.Invoice(t.Context(), invoice.ID); err != nil || again.Document.Seller != invoice.Document.Seller || again.Document.Bill.GrossMinor != 5200 {
		t.Errorf("the invoice has changed: %+v, %v", again.Document, err)
	}
}

// Three times 1.05 at 19 % hold 0.50 tax, one holds 0.17: three credit notes say no more than the invoice.
func TestCreditNotesOfAllTicketsCreditTheInvoicedTax(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := h.concert(Category{PriceMinor: 105, TaxPermille: 190, Capacity: 10})
	_, order := h.paidOrder(e, Wanted{Category: h.ids(`SELECT id FROM sales.category WHERE event = $1`, e.ID)[0], Qty: 3})
	for n := 1; n <= 3; n++ {
		if _, err := h.refund(order, Refunding{Tickets: []int{n}}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := h.InvoicesOf(t.Context(), order)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d documents, %v", len(all), err)
	}
	var gross, tax int64
	for _, credit := range all[1:] {
		gross, tax = gross+credit.Document.Bill.GrossMinor, tax+credit.Document.Bill.TaxMinor
	}
	if invoice := all[0].Document.Bill; invoice.GrossMinor != gross || invoice.TaxMinor != 50 || tax != 50 {
		t.Errorf("invoiced %d with %d tax, credited %d with %d", invoice.GrossMinor, invoice.TaxMinor, gross, tax)
	}
}

// TestInvoiceNumbersHaveNoGap lets 50 take numbers at once, of whom every third fails
// after he has one.
func TestInvoiceNumbersHaveNoGap(t *testing.T) {
	h := newHouse(t)
	taken := make(chan int, 500)
	var all sync.WaitGroup
	abort := errors.New("cut short")
	for worker := range 50 {
		all.Go(func() {
			for i := range 6 {
				n := 0
				err := h.db.InTx(t.Context(), func(tx *db.Tx) (err error) {
					if n, err = nextNumber(tx, "R", 2027+worker%2); err == nil && (worker+i)%3 == 0 {
						err = abort
					}
					return err
				})
				if err == nil {
					taken <- 2*n + worker%2
				} else if !errors.Is(err, abort) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	close(taken)
	seen := map[int]bool{}
	for n := range taken {
		if seen[n] {
			t.Errorf("the number %d of %d was given twice", n/2, 2027+n%2)
		}
		seen[n] = true
	}
	for year := range 2 {
		last := h.number(`SELECT last FROM sales.invoice_counter WHERE series = 'R' AND year = $1`, 2027+year)
		for n := 1; n <= last; n++ {
			if !seen[2*n+year] {
				t.Errorf("%d lacks the number %d of %d", 2027+year, n, last)
			}
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d numbers were taken", len(seen))
	}
}

// TestTaxesAddUp checks that lines, rates and totals agree, and each tax is right to half a unit.
func TestTaxesAddUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := Event{Currency: "EUR"}
		var lines []Line
		var total int64
		for range rapid.IntRange(1, 6).Draw(r, "lines") {
			c := Category{ID: id.New(), FeeMinor: rapid.Int64Range(0, 500).Draw(r, "fee"), TaxPermille: rapid.SampledFrom([]int{0, 70, 190, 200, 1000}).Draw(r, "tax")}
			e.Categories = append(e.Categories, c)
			l := Line{Category: c.ID, Qty: rapid.IntRange(1, 1000).Draw(r, "qty"), UnitMinor: rapid.Int64Range(0, 1e12).Draw(r, "unit")}
			lines = append(lines, l)
			total += int64(l.Qty) * l.UnitMinor
		}
		b := BillOf(&e, lines, "en")
		var gross, tax, byRate, taxByRate int64
		for _, l := range b.Lines {
			gross, tax = gross+l.GrossMinor, tax+l.TaxMinor
			// |tax - gross·p/(1000+p)| ≤ ½, without fractions.
			if off := 2 * (l.TaxMinor*int64(1000+l.TaxPermille) - l.GrossMinor*int64(l.TaxPermille)); off > int64(1000+l.TaxPermille) || -off > int64(1000+l.TaxPermille) {
				r.Fatalf("%d at %d ‰ holds %d tax", l.GrossMinor, l.TaxPermille, l.TaxMinor)
			}
		}
		for _, s := range b.Taxes {
			byRate, taxByRate = byRate+s.GrossMinor, taxByRate+s.TaxMinor
			if s.NetMinor+s.TaxMinor != s.GrossMinor {
				r.Fatalf("%+v", s)
			}
		}
		if gross != total || b.GrossMinor != total || byRate != total || tax != b.TaxMinor || taxByRate != tax {
			r.Fatalf("%d is billed as %+v", total, b)
		}
	})
}

// However an order is split into refunds, they credit what was invoiced, line by line.
func TestCreditsOfAnySplitAddUpToTheBill(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e, rest, lines := Event{Currency: "EUR"}, map[id.ID]int{}, []Line(nil)
		for range rapid.IntRange(1, 3).Draw(r, "lines") {
			c := Category{ID: id.New(), FeeMinor: rapid.Int64Range(0, 50).Draw(r, "fee"), TaxPermille: rapid.SampledFrom([]int{0, 70, 190, 1000}).Draw(r, "tax")}
			e.Categories, rest[c.ID] = append(e.Categories, c), rapid.IntRange(1, 9).Draw(r, "qty")
			lines = append(lines, Line{Category: c.ID, Qty: rest[c.ID], UnitMinor: rapid.Int64Range(50, 999).Draw(r, "unit")})
		}
		bill := BillOf(&e, lines, "en")
		owed := sumsOf(nil, bill, 1)
		for left := true; left; {
			back := map[id.ID]int{}
			left = false
			for _, l := range lines {
				back[l.Category] = rapid.IntRange(0, rest[l.Category]).Draw(r, "back")
				rest[l.Category] -= back[l.Category]
				left = left || rest[l.Category] > 0
			}
			credit := bill.part(back, rest, false)
			if credit.TaxMinor < 0 || credit.TaxMinor > credit.GrossMinor {
				r.Fatalf("%+v", credit)
			}
			owed = sumsOf(owed, credit, -1)
		}
		for what, minor := range owed {
			if minor != 0 {
				r.Fatalf("of %+v %d is credited too much or too little: %+v", what, -minor, bill)
			}
		}
	})
}

// billed is a sum of a bill: a line's, or a rate's.
type billed struct {
	kind     string
	category id.ID
	permille int
	tax      bool
}

// sumsOf adds a bill's sums, sign times, to others.
func sumsOf(sums map[billed]int64, b Bill, sign int64) map[billed]int64 {
	if sums == nil {
		sums = map[billed]int64{}
	}
	for _, l := range b.Lines {
		sums[billed{l.Kind, l.Category, l.TaxPermille, false}] += sign * l.GrossMinor
		sums[billed{l.Kind, l.Category, l.TaxPermille, true}] += sign * l.TaxMinor
	}
	for _, t := range b.Taxes {
		sums[billed{"rate", id.Nil, t.Permille, false}] += sign * t.GrossMinor
		sums[billed{"rate", id.Nil, t.Permille, true}] += sign * t.TaxMinor
	}
	return sums
}
