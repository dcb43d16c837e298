package sales

import (
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/sales/pay"
)

// RefundState is how far money is on its way back.
type RefundState string

// States of a refund. One that failed can be tried again; the tickets stay void.
const (
	RefundWaiting RefundState = "waiting"
	RefundSent    RefundState = RefundState(pay.RefundSent)
	RefundDone    RefundState = RefundState(pay.RefundDone)
	RefundFailed  RefundState = RefundState(pay.RefundFailed)
	RefundByHand  RefundState = RefundState(pay.RefundByHand) // the promoter sends the money himself
)

// Refund is money that goes back, and the tickets that are void for it.
type Refund struct {
	ID          id.ID       `json:"id"`
	Payment     *id.ID      `json:"payment,omitempty"` // nil: nothing was paid through us
	Order       *id.ID      `json:"order,omitempty"`   // nil: the money never became an order
	Event       id.ID       `json:"event"`
	Tickets     []int       `json:"tickets"`
	AmountMinor int64       `json:"amount_minor"`
	Currency    string      `json:"currency"`
	Reason      string      `json:"reason"`
	Actor       string      `json:"actor,omitempty"` // "": the house itself
	State       RefundState `json:"state"`
	Error       string      `json:"error,omitempty"`
	Attempt     int         `json:"attempt"`
	Ref         string      `json:"-"`
	CreatedAt   time.Time   `json:"created_at"`
	ChangedAt   time.Time   `json:"changed_at"`
}

// Refunding says what of an order goes back.
type Refunding struct {
	Tickets  []int  // numbers within the order; none: all that are not void
	KeepFees bool   // only the price goes back
	Reason   string // for people
	Actor    string
	ID       id.ID // of the refund; id.Nil: a new one
}

// RefundOrder voids tickets, puts them back on sale and sends their price back, all
// or nothing. Those that wait are served first where the event says so. Of an order
// that nothing was paid for, at the door for instance, nothing is sent.
//
// Errors: fault.NotFound, fault.Invalid for tickets it has not, fault.Conflict for
// those that are void, and when more would go back than was paid.
func (s *Service) RefundOrder(tx *db.Tx, order id.ID, in Refunding) (Refund, error) {
	const op = "sales.RefundOrder"
	if in.Reason = tidy(in.Reason); len(in.Reason) > maxTitle {
		return Refund{}, fault.BadField(op, "reason", "is too long", fmt.Sprintf("at most %d bytes", maxTitle))
	}
	p, err := lockPaymentOfOrder(tx, order)
	unpaid := fault.Is(err, fault.NotFound)
	if unpaid {
		err = s.notSettling(tx, order)
	}
	if err != nil {
		return Refund{}, err
	}
	back, err := s.voidTickets(tx, order, in.Tickets)
	if err != nil {
		return Refund{}, err
	}
	if in.ID == id.Nil {
		in.ID = id.New()
	}
	r := Refund{ID: in.ID, Order: &order, Event: back.event.ID, Tickets: back.numbers, Currency: back.event.Currency, Reason: in.Reason, Actor: in.Actor, State: RefundDone, Attempt: 1, CreatedAt: tx.Now(), ChangedAt: tx.Now()}
	var credit Bill
	if !unpaid {
		rest, err := validTickets(tx, order)
		if err != nil {
			return Refund{}, err
		}
		credit = p.Bill.part(back.qty, rest, in.KeepFees && p.State != PaymentDue)
		if err := s.owe(tx, &p, &r, credit.GrossMinor); err != nil {
			return Refund{}, err
		}
	}
	if err := s.record(tx, &r, back); err != nil || r.AmountMinor == 0 {
		return r, err
	}
	return r, s.issueCredit(tx, &p, &r, credit)
}

// record keeps a refund, announces it, and has the money sent.
func (s *Service) record(tx *db.Tx, r *Refund, back returned) error {
	if err := insertRefund(tx, *r); err != nil {
		return err
	}
	if err := s.announceRefund(tx, r, back); err != nil || r.State != RefundWaiting {
		return err
	}
	return tx.Enqueue(refundJob(r.ID))
}

// notSettling refuses to refund an order whose payment is just about to be its own:
// the tickets would be void and the money kept.
func (s *Service) notSettling(tx *db.Tx, order id.ID) error {
	key, carts, err := unsettledCarts(tx, order)
	if err != nil {
		return err
	}
	for _, cart := range carts {
		if NewRepeatKey("cart", cart.String()) == key {
			return fault.E("sales.RefundOrder", fault.Conflict, "the payment of this order is being settled", nil).WithFix("try again in a moment")
		}
	}
	return nil
}

// owe notes what goes back of a payment. What was to be paid at the door becomes less.
func (s *Service) owe(tx *db.Tx, p *Payment, r *Refund, minor int64) error {
	r.Payment = &p.ID
	switch {
	case p.State == PaymentDue:
		if p.AmountMinor -= minor; p.AmountMinor == 0 {
			p.State, p.Reason = PaymentExpired, reasonCancelled
		}
	case p.PaidMinor-p.RefundedMinor < minor:
		return fault.E("sales.RefundOrder", fault.Conflict, fmt.Sprintf("%s would go back, but only %s is left of what was paid",
			money.Money{Minor: minor, Currency: p.Currency}, money.Money{Minor: p.PaidMinor - p.RefundedMinor, Currency: p.Currency}), nil)
	case minor > 0:
		state, err := refundStart(tx, p.ID)
		if err != nil {
			return err
		}
		p.RefundedMinor += minor
		r.AmountMinor, r.State = minor, state
	}
	return updatePayment(tx, *p)
}

func (s *Service) announceRefund(tx *db.Tx, r *Refund, back returned) error {
	f := facts.TicketRefunded{Event: r.Event, Order: *r.Order, Refund: r.ID, Tickets: r.Tickets, AmountMinor: r.AmountMinor, Currency: r.Currency, At: tx.Now()}
	for category, qty := range back.qty {
		f.Lines = append(f.Lines, facts.ReturnedLine{Category: category, Qty: qty})
	}
	slices.SortFunc(f.Lines, func(a, b facts.ReturnedLine) int { return compareIDs(a.Category, b.Category) })
	return tx.Emit(f)
}

// returned is what came back.
type returned struct {
	event   Event
	numbers []int
	qty     map[id.ID]int // tickets by category
}

// voidTickets voids tickets of an order by number, each once, and puts back on sale
// what they took: category, seat and shared pools. No number: all that are not void.
// The uses of a code are not returned: which ticket had them is not recorded.
//
// Errors: fault.NotFound, fault.Invalid, fault.Conflict when one is void already.
func (s *Service) voidTickets(tx *db.Tx, order id.ID, ns []int) (back returned, err error) {
	const op = "sales.RefundOrder"
	event, err := eventOfOrder(tx, order)
	if err != nil {
		return back, err
	}
	if back.event, err = s.eventWithin(tx, event); err != nil {
		return back, err
	}
	tickets, err := lockTickets(tx, order)
	if err != nil {
		return back, err
	}
	lines := map[id.ID]*Line{}
	back.qty = map[id.ID]int{}
	for _, t := range tickets {
		if len(ns) > 0 && !slices.Contains(ns, t.n) || len(ns) == 0 && t.void {
			continue
		}
		if t.void {
			return back, fault.E(op, fault.Conflict, fmt.Sprintf("ticket %d is void already", t.n), nil)
		}
		back.numbers = append(back.numbers, t.n)
		back.qty[t.category]++
		l := lines[t.category]
		if l == nil {
			l = &Line{Category: t.category}
			lines[t.category] = l
		}
		if l.Qty++; t.seat != nil {
			l.Seats = append(l.Seats, *t.seat)
		}
	}
	if err := checkNumbers(op, ns, back.numbers, len(tickets)); err != nil {
		return back, err
	}
	if len(back.numbers) == 0 {
		return back, fault.E(op, fault.Conflict, "the order has no ticket that is not void", nil)
	}
	return back, s.returnTickets(tx, order, &back, lines)
}

// checkNumbers refuses a number that was not found among an order's tickets, or stands twice.
func checkNumbers(op string, ns, found []int, tickets int) error {
	for i, n := range ns {
		if !slices.Contains(found, n) || slices.Index(ns, n) < i {
			return fault.BadField(op, fmt.Sprintf("tickets[%d]", i), fmt.Sprintf("%d is none of the order's, or stands twice", n), fmt.Sprintf("1 to %d", tickets))
		}
	}
	return nil
}

// returnTickets marks tickets void and gives their stock back, in the order in which
// the till locks it.
func (s *Service) returnTickets(tx *db.Tx, order id.ID, back *returned, lines map[id.ID]*Line) error {
	a := &ask{kind: askOrder}
	for _, l := range lines {
		if c := back.event.Category(l.Category); c != nil {
			for _, stock := range back.event.shares(c) {
				l.Also = append(l.Also, Debit{stock, l.Qty})
			}
		}
		a.lines = append(a.lines, *l)
	}
	need := sum([]*ask{a})
	for i := range need {
		need[i].sold = -need[i].sold
	}
	if err := voidNumbers(tx, order, back.numbers); err != nil {
		return err
	}
	left, err := changeStock(tx, need)
	if err != nil {
		return err
	}
	s.till.left.tell(left) // a hint: the database decides
	s.shelves.forget(back.event.ID)
	if back.event.WaitingFirst {
		return tx.Enqueue(db.Job{Name: jobWaitlist, Queue: laneSales, Payload: struct{}{}, Timeout: 5 * time.Minute, Retries: 2})
	}
	return nil
}
