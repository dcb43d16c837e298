package sales

import (
	"fmt"
	"time"
)

// check tidies a category of an event and complains about everything that is
// wrong with it.
func (c *Category) check(bad complaint, e *Event) {
	checkTexts(bad, "names", c.Names, e.Locales)
	within := func(name string, n, lo, hi int64, unit string) {
		if n < lo || n > hi {
			bad(name, fmt.Sprintf("is %d", n), fmt.Sprintf("%d to %d%s", lo, hi, unit))
		}
	}
	within("price_minor", c.PriceMinor, 0, maxMinor, " in the smallest unit of the currency")
	within("fee_minor", c.FeeMinor, 0, maxMinor, " in the smallest unit of the currency")
	if c.PriceMinor == 0 && c.FeeMinor > 0 {
		bad("fee_minor", "is asked for a free ticket", "leave it out, or make it the price")
	}
	within("tax_permille", int64(c.TaxPermille), 0, 1000, ": 190 is 19 %")
	within("capacity", int64(c.Capacity), 0, maxCapacity, " tickets")
	within("position", int64(c.Position), -maxCapacity, maxCapacity, "")
	if c.MinPerOrder == 0 {
		c.MinPerOrder = 1
	}
	if c.MaxPerOrder == 0 {
		c.MaxPerOrder = max(10, c.MinPerOrder)
	}
	within("min_per_order", int64(c.MinPerOrder), 1, maxQty, " tickets")
	within("max_per_order", int64(c.MaxPerOrder), int64(max(c.MinPerOrder, 1)), maxQty, " tickets")
	for _, t := range []*time.Time{c.SaleFrom, c.SaleUntil} {
		if t != nil {
			*t = toUTC(*t)
		}
	}
	checkWindow(bad, c.SaleFrom, c.SaleUntil)
	c.checkSeats(bad, e)
	c.checkPool(bad, e)
	c.checkShop(bad, e)
}

func (c *Category) checkSeats(bad complaint, e *Event) {
	if c.Rows == 0 && c.Columns == 0 {
		return
	}
	if c.Rows < 1 || c.Columns < 1 || c.Rows > maxRows || c.Columns > maxRows {
		bad("rows", fmt.Sprintf("and columns are %d × %d", c.Rows, c.Columns), fmt.Sprintf("1 to %d each, or 0 and 0 for general admission", maxRows))
		return
	}
	if c.Capacity == 0 {
		c.Capacity = c.Rows * c.Columns
	}
	if c.Capacity != c.Rows*c.Columns {
		bad("capacity", fmt.Sprintf("is %d for %d × %d seats", c.Capacity, c.Rows, c.Columns), fmt.Sprintf("%d, or leave it out", c.Rows*c.Columns))
	}
	all := c.Rows * c.Columns
	for i := range e.Categories {
		if o := &e.Categories[i]; o.ID != c.ID {
			all += o.Rows * o.Columns
		}
	}
	if all > maxSeats {
		bad("rows", fmt.Sprintf("make %d numbered seats in the event", all), fmt.Sprintf("at most %d", maxSeats))
	}
}

func (c *Category) checkPool(bad complaint, e *Event) {
	if c.Pool == nil {
		c.Class = 0
		return
	}
	if c.Class == 0 {
		c.Class = 1
	}
	p := e.Pool(*c.Pool)
	if p == nil {
		bad("pool", "is none of the event's", "make the pool first, or leave it out")
		return
	}
	if c.Class < 1 || c.Class > p.Classes() {
		bad("class", fmt.Sprintf("is %d", c.Class), fmt.Sprintf("1 to %d, as many as the pool has classes", p.Classes()))
	}
}
