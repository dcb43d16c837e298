package sales

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// Code is a word that makes tickets cheaper, opens hidden categories, or both. One
// ticket bought with it is one use; its stock counts them.
type Code struct {
	ID          id.ID      `json:"id"`
	Event       id.ID      `json:"event"`
	Code        string     `json:"code"` // upper case; buyers may type it as they like
	Note        string     `json:"note,omitempty"`
	Permille    int        `json:"permille,omitempty"`     // off the price: 100 is 10 %, 1000 makes it free
	AmountMinor int64      `json:"amount_minor,omitempty"` // off each ticket; instead of Permille
	Opens       bool       `json:"opens,omitempty"`        // hidden categories
	Categories  []id.ID    `json:"categories,omitempty"`   // those it is good for; none: all
	ValidFrom   *time.Time `json:"valid_from,omitempty"`
	ValidUntil  *time.Time `json:"valid_until,omitempty"`
	MaxUses     int        `json:"max_uses,omitempty"`      // tickets in all; 0: no limit
	MaxPerOrder int        `json:"max_per_order,omitempty"` // tickets; 0: no limit

	Used int `json:"-"`
	Held int `json:"-"` // in carts
}

// endless is the stock of a code without a limit: its uses are counted all the same.
const endless = math.MaxInt32

var codeShape = regexp.MustCompile(`^[\p{Lu}\p{Lo}\p{Nd}]+([-_][\p{Lu}\p{Lo}\p{Nd}]+)*$`)

// CodeText is the form in which a code is kept and compared.
func CodeText(typed string) string { return strings.ToUpper(strings.TrimSpace(typed)) }

// check tidies a code of an event and complains about everything that is wrong with it.
// removed are categories that it may name, though they are the event's no more.
func (c *Code) check(bad complaint, e *Event, removed ...id.ID) {
	if c.Code = CodeText(c.Code); len(c.Code) < 3 || len(c.Code) > 60 || !codeShape.MatchString(c.Code) {
		bad("code", fmt.Sprintf("%q is no code", clip(c.Code)), "3 to 60 bytes: letters, digits, and single - or _ between them")
	}
	c.Note = checkLine(bad, "note", c.Note)
	if c.Permille < 0 || c.Permille > 1000 {
		bad("permille", fmt.Sprintf("is %d", c.Permille), "0 to 1000: 100 is 10 %")
	}
	if c.AmountMinor < 0 || c.AmountMinor > maxMinor {
		bad("amount_minor", fmt.Sprintf("is %d", c.AmountMinor), "what comes off each ticket, in the smallest unit of the currency")
	}
	if c.Permille > 0 && c.AmountMinor > 0 {
		bad("amount_minor", "stands beside permille", "one of the two")
	}
	if c.Permille == 0 && c.AmountMinor == 0 && !c.Opens {
		bad("permille", "takes nothing off, and the code opens nothing", "a discount, hidden categories to open, or both")
	}
	for i, category := range c.Categories {
		if e.Category(category) == nil && !slices.Contains(removed, category) {
			bad(fmt.Sprintf("categories[%d]", i), "is none of the event's", "ids of its categories")
		}
	}
	if c.MaxUses < 0 || c.MaxUses >= endless {
		bad("max_uses", fmt.Sprintf("is %d", c.MaxUses), "a number of tickets, or 0 for no limit")
	}
	if c.MaxPerOrder < 0 || c.MaxPerOrder > maxQty {
		bad("max_per_order", fmt.Sprintf("is %d", c.MaxPerOrder), fmt.Sprintf("1 to %d tickets, or 0 for no limit", maxQty))
	}
	c.checkTimes(bad)
}

func (c *Code) checkTimes(bad complaint) {
	for _, t := range []*time.Time{c.ValidFrom, c.ValidUntil} {
		if t != nil {
			*t = toUTC(*t)
		}
	}
	if c.ValidFrom != nil && c.ValidUntil != nil && !c.ValidFrom.Before(*c.ValidUntil) {
		bad("valid_until", "is not after it begins to be valid", "a later moment, or leave it out")
	}
}

// stock is the capacity of the code's uses.
func (c *Code) stock() int {
	if c.MaxUses == 0 {
		return endless
	}
	return c.MaxUses
}

// concerns reports whether the code is good for a category.
func (c *Code) concerns(category id.ID) bool {
	return len(c.Categories) == 0 || slices.Contains(c.Categories, category)
}

// valid reports whether that moment lies in the code's window.
func (c *Code) valid(now time.Time) bool {
	return (c.ValidFrom == nil || !now.Before(*c.ValidFrom)) && (c.ValidUntil == nil || now.Before(*c.ValidUntil))
}

// off is what a price becomes. A share is rounded half up to the currency's
// smallest unit, in the buyer's favour at exactly one half; nothing falls below 0.
func (c *Code) off(priceMinor int64) int64 {
	if c.AmountMinor > 0 {
		return max(priceMinor-c.AmountMinor, 0)
	}
	return max(priceMinor-(priceMinor*int64(c.Permille)+500)/1000, 0)
}

// unit is what one ticket of a category costs: the price, less a discount, and the
// fee. A ticket that a code makes free has no fee.
func (c *Category) unit(code *Code) int64 {
	if code == nil {
		return c.PriceMinor + c.FeeMinor
	}
	price := code.off(c.PriceMinor)
	if price == 0 {
		return 0
	}
	return price + c.FeeMinor
}
