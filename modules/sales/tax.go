package sales

import (
	"cmp"
	"slices"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Bill is what an order costs, as lines, fees and the taxes in them.
//
// Prices and fees include the tax: of a line's gross amount at a rate of p per mille
// gross·p / (1000+p) is tax. Each line is rounded on its own, half up, and the sums
// are sums of rounded lines, so that what people add up agrees. Of a part of a bill the
// tax is what that of the rest becomes less, so that all parts add up to the whole.
type Bill struct {
	Currency   string     `json:"currency"`
	Lines      []BillLine `json:"lines"`
	GrossMinor int64      `json:"gross_minor"`
	TaxMinor   int64      `json:"tax_minor"`
	Taxes      []TaxSum   `json:"taxes"` // by rate, the highest first
}

// Kinds of lines of a bill.
const (
	billTicket = "ticket"
	billFee    = "fee"
)

// BillLine is so many tickets of a category, or the fees on them.
type BillLine struct {
	Kind        string `json:"kind"`
	Category    id.ID  `json:"category"`
	Title       string `json:"title"`
	Qty         int    `json:"qty"`
	UnitMinor   int64  `json:"unit_minor"`
	GrossMinor  int64  `json:"gross_minor"`
	TaxPermille int    `json:"tax_permille"`
	TaxMinor    int64  `json:"tax_minor"` // within the gross amount
}

// TaxSum is the tax of one rate.
type TaxSum struct {
	Permille   int   `json:"permille"`
	GrossMinor int64 `json:"gross_minor"`
	NetMinor   int64 `json:"net_minor"`
	TaxMinor   int64 `json:"tax_minor"`
}

// taxWithin is the tax in a gross amount ≥ 0, rounded half up.
func taxWithin(gross int64, permille int) int64 {
	rate := int64(permille)
	whole, rest := gross/(1000+rate), gross%(1000+rate) // apart, so that nothing overflows
	return whole*rate + (2*rest*rate+1000+rate)/(2*(1000+rate))
}

// BillOf breaks lines of an event down, with titles in a locale. A line's unit price
// includes the fee of its category.
func BillOf(e *Event, lines []Line, locale string) Bill {
	b := Bill{Currency: e.Currency}
	for _, l := range lines {
		c := e.Category(l.Category)
		if c == nil {
			c = &Category{}
		}
		title, fee := TextIn(c.Names, e.Locales, locale).Title, min(c.FeeMinor, l.UnitMinor)
		b.add(BillLine{Kind: billTicket, Category: l.Category, Title: title, Qty: l.Qty, UnitMinor: l.UnitMinor - fee, TaxPermille: c.TaxPermille})
		if fee > 0 {
			b.add(BillLine{Kind: billFee, Category: l.Category, Title: title, Qty: l.Qty, UnitMinor: fee, TaxPermille: c.TaxPermille})
		}
	}
	return b
}

// tax is that of so many tickets of the line.
func (l *BillLine) tax(qty int) int64 { return taxWithin(int64(qty)*l.UnitMinor, l.TaxPermille) }

// add appends a line with its whole tax.
func (b *Bill) add(l BillLine) {
	l.TaxMinor = l.tax(l.Qty)
	b.sum(l)
}

// sum appends a line and sums up.
func (b *Bill) sum(l BillLine) {
	l.GrossMinor = int64(l.Qty) * l.UnitMinor
	b.Lines = append(b.Lines, l)
	b.GrossMinor += l.GrossMinor
	b.TaxMinor += l.TaxMinor
	at := slices.IndexFunc(b.Taxes, func(t TaxSum) bool { return t.Permille == l.TaxPermille })
	if at < 0 {
		at = len(b.Taxes)
		b.Taxes = append(b.Taxes, TaxSum{Permille: l.TaxPermille})
	}
	t := &b.Taxes[at]
	t.GrossMinor += l.GrossMinor
	t.TaxMinor += l.TaxMinor
	t.NetMinor = t.GrossMinor - t.TaxMinor
	slices.SortFunc(b.Taxes, func(x, y TaxSum) int { return cmp.Compare(y.Permille, x.Permille) })
}

// part is the bill of some of the tickets, of which rest are left afterwards, both by
// category; without the fees when they are kept.
func (b *Bill) part(qty, rest map[id.ID]int, keepFees bool) Bill {
	out := Bill{Currency: b.Currency}
	for _, l := range b.Lines {
		after := min(rest[l.Category], l.Qty)
		before := min(rest[l.Category]+qty[l.Category], l.Qty)
		if l.Qty = before - after; l.Qty > 0 && !(keepFees && l.Kind == billFee) {
			l.TaxMinor = l.tax(before) - l.tax(after)
			out.sum(l)
		}
	}
	return out
}
