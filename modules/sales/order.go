package sales

import (
	"context"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// OrderRow is an order in the list of its event. Of its payment, which has no method
// when the order was not paid through us, the amounts, method and state are known.
type OrderRow struct {
	Order
	Void      int // tickets
	Attention bool
	Reversed  bool // money of it was taken back at the provider, and nobody has looked at that
	Payment   Payment
}

// OrderQuery is what to list of an event's orders, or of its payments.
type OrderQuery struct {
	Search string // part of a name, an address or a number, or a transfer's reference; "": all
	Which  string // of orderFilters, or of paymentFilters; "": all
	Before id.ID  // the last of the page before; id.Nil: the first page
	Limit  int
}

var (
	orderFilters   = []string{"", "paid", "due", "refunded", "attention", "reversed", "none"}
	paymentFilters = []string{"", "awaited", "attention", "returned", "unpaid"}
)

func (q *OrderQuery) check(op string, filters []string) error {
	if len(q.Search) > 200 {
		return fault.BadField(op, "q", "is too long", "a part of a name or the end of an order's number")
	}
	if !slices.Contains(filters, q.Which) {
		return fault.BadField(op, "which", "is "+q.Which, "choose one of the list")
	}
	q.Search = strings.ToLower(strings.TrimSpace(q.Search))
	return nil
}

// Orders lists an event's orders, the latest first, and where the next page begins;
// id.Nil at the end. Errors: fault.Invalid.
func (s *Service) Orders(ctx context.Context, event id.ID, q OrderQuery) (found []OrderRow, next id.ID, err error) {
	if err = q.check("sales.Orders", orderFilters); err != nil {
		return nil, next, err
	}
	found, err = s.orderRows(ctx, event, q)
	found, next = cutPage(found, q.Limit, func(o *OrderRow) id.ID { return o.ID })
	return found, next, err
}

// LoosePayments lists an event's payments that have no order, as Orders does.
func (s *Service) LoosePayments(ctx context.Context, event id.ID, q OrderQuery) (found []Payment, next id.ID, err error) {
	if err = q.check("sales.Payments", paymentFilters); err != nil {
		return nil, next, err
	}
	found, err = s.loosePayments(ctx, event, q)
	found, next = cutPage(found, q.Limit, func(p *Payment) id.ID { return p.ID })
	return found, next, err
}

// cutPage is a page of limit rows, of which one more was read, and the last of it when
// another page follows; else id.Nil.
func cutPage[T any](found []T, limit int, idOf func(*T) id.ID) (page []T, next id.ID) {
	if len(found) <= limit {
		return found, id.Nil
	}
	return found[:limit], idOf(&found[limit-1])
}

// receivable reports whether Receive waits for its money.
func (p *Payment) receivable() bool {
	return p.State == PaymentDue || p.Method == pay.Transfer && p.hopeful()
}

// creditOf is what refunding tickets of an order takes off its bill.
func creditOf(p *Payment, tickets []Ticket, in Refunding) Bill {
	qty, rest := map[id.ID]int{}, map[id.ID]int{}
	for i := range tickets {
		t := &tickets[i]
		switch {
		case t.VoidedAt != nil:
		case len(in.Tickets) == 0 || slices.Contains(in.Tickets, t.N):
			qty[t.Category]++
		default:
			rest[t.Category]++
		}
	}
	return p.Bill.part(qty, rest, in.KeepFees && p.State != PaymentDue)
}

// RefundShown refunds what a person was shown, and no other amount. The refund has the
// id that its form brought: sending the form again finds what the first time did.
// Errors: those of RefundOrder, fault.Conflict when another amount would go back.
func (s *Service) RefundShown(ctx context.Context, key, order id.ID, in Refunding, shown int64) (r Refund, err error) {
	const op = "sales.RefundOrder"
	in.ID = key
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if r, err = s.RefundOrder(tx, order, in); err != nil {
			return err
		}
		if r.AmountMinor != shown {
			return fault.E(op, fault.Conflict, "now "+amountText(r.AmountMinor, r.Currency)+" would go back", nil).WithFix("look at the amount and send it again")
		}
		return nil
	})
	if fault.Is(err, fault.Conflict) {
		was, missing := s.Refund(ctx, key)
		if missing == nil && was.Order != nil && *was.Order == order && slices.Equal(was.Tickets, in.Tickets) {
			return was, nil
		}
	}
	return r, err
}
