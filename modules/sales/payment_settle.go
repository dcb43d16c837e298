package sales

import (
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
)

// SettlePayment turns money into an order: the cart's tickets; those again, at the
// same price, when they were given back meanwhile; else the money goes back. Doing it
// again changes nothing. Errors: those of the till that may pass, and the database's.
func (s *Service) SettlePayment(ctx context.Context, payment id.ID) error {
	p, err := s.Payment(ctx, payment)
	if err != nil || p.State != PaymentPaid {
		return err
	}
	o, refused, err := s.sell(ctx, &p, true)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		begun, err := lockPaymentsOfCart(tx, p.Cart)
		at := slices.IndexFunc(begun, func(other Payment) bool { return other.ID == payment })
		if err != nil || at < 0 || begun[at].State != PaymentPaid {
			return err
		}
		if refused != "" {
			return s.giveBack(tx, &begun[at], refused, "")
		}
		if err := s.settled(tx, &begun[at], o.ID); err != nil {
			return err
		}
		return s.endOthers(tx, begun)
	})
}

// endOthers ends what else was begun for a cart that is paid: its money would go back.
func (s *Service) endOthers(tx *db.Tx, begun []Payment) error {
	for i := range begun {
		if p := &begun[i]; p.waits() {
			if err := s.endPayment(tx, p, reasonReplaced); err != nil {
				return err
			}
		}
	}
	return nil
}

// endPayment makes a payment one that nobody should pay any more, and has its page closed.
func (s *Service) endPayment(tx *db.Tx, p *Payment, reason string) error {
	p.State, p.Reason, p.LookAt = PaymentExpired, reason, nil
	if err := updatePayment(tx, *p); err != nil || p.Session == "" {
		return err
	}
	return tx.Enqueue(closeJob(p.ID))
}

// settled notes that the money is an order's, and issues the invoice.
func (s *Service) settled(tx *db.Tx, p *Payment, order id.ID) error {
	p.State, p.Order, p.LookAt = PaymentSettled, &order, nil
	if err := updatePayment(tx, *p); err != nil {
		return err
	}
	return s.issueInvoice(tx, p)
}

// sell places the order of a payment. refused says why there is none: the money is
// for nothing. again buys tickets anew that the cart no longer holds.
//
// The order's key is the cart's and its body this payment's, so that of several
// payments of a cart one gets the order, however they meet.
func (s *Service) sell(ctx context.Context, p *Payment, again bool) (o Order, refused string, err error) {
	q, err := s.quotes.open(p.Quote)
	if err != nil {
		return o, "", err
	}
	in := Purchase{Event: q.Event, Lines: q.Lines, Currency: q.Currency, Buyer: p.Buyer, Asked: []byte("payment " + p.ID.String())}
	if p.Person != nil {
		in.Person = p.Person.String()
	}
	if refused, err = s.refusedBefore(ctx, p); err != nil || refused != "" {
		return o, refused, err
	}
	if o, _, err = s.Confirm(ctx, q.Cart, in); again && fault.Is(err, fault.Conflict) {
		o, err = s.buyAgain(ctx, q.Cart, in)
	}
	switch {
	case fault.Is(err, fault.Invalid):
		return o, reasonTwice, nil
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound):
		return o, reasonLate, nil
	}
	return o, "", err
}

// refusedBefore says why the event takes the payment's money no more; what was sold
// before stays sold. "": it takes it.
func (s *Service) refusedBefore(ctx context.Context, p *Payment) (reason string, err error) {
	e, err := s.Event(ctx, p.Event)
	if fault.Is(err, fault.NotFound) {
		return reasonCancelled, nil
	}
	if err != nil {
		return "", err
	}
	if reason = e.refuses(p); reason == "" {
		return "", nil
	}
	_, err = s.till.store.orderOf(ctx, &ask{key: NewRepeatKey("cart", p.Cart.String())})
	if fault.Is(err, fault.NotFound) {
		return reason, nil
	}
	return "", err
}

// refuses says why a payment buys nothing of the event as it is now. While no ticket is
// sold or in a cart its money may change: play money must not buy what admits people.
func (e *Event) refuses(p *Payment) (reason string) {
	switch {
	case e.State == EventCancelled:
		return reasonCancelled
	case pay.ModeOf(e.Sandbox) != p.Mode || e.Currency != p.Currency:
		return reasonChanged
	}
	return ""
}

// buyAgain sells what a cart held, at its price, to whom paid too late.
func (s *Service) buyAgain(ctx context.Context, cart id.ID, in Purchase) (Order, error) {
	lines, err := checkLines("sales.SettlePayment", in.Lines)
	if err == nil {
		lines, err = s.repooled(ctx, in.Event, lines)
	}
	if err != nil {
		return Order{}, err
	}
	a := in.ask(askOrder, "order", lines)
	a.key, a.fresh = NewRepeatKey("cart", cart.String()), false
	a.order = in.order(lines)
	v, err := s.till.ask(ctx, a)
	return v.order, err
}

// repooled are lines whose tickets take of the pools as they are now; the uses of codes stay.
func (s *Service) repooled(ctx context.Context, event id.ID, lines []Line) ([]Line, error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return nil, err
	}
	var also []id.ID
	for _, l := range lines {
		for _, d := range l.Also {
			also = append(also, d.Stock)
		}
	}
	codes, err := s.codesAmong(ctx, also)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(lines)
	for i := range out {
		l := &out[i]
		l.Also = slices.DeleteFunc(slices.Clone(l.Also), func(d Debit) bool { return !slices.Contains(codes, d.Stock) })
		if c := e.Category(l.Category); c != nil {
			for _, stock := range e.shares(c) {
				l.Also = append(l.Also, Debit{stock, l.Qty})
			}
		}
	}
	return out, nil
}

// giveBack sends all the money of a payment back that is for nothing, and tells the buyer.
func (s *Service) giveBack(tx *db.Tx, p *Payment, reason, actor string) error {
	state, err := refundStart(tx, p.ID)
	if err != nil {
		return err
	}
	r := Refund{ID: id.New(), Payment: &p.ID, Event: p.Event, Tickets: []int{}, AmountMinor: p.PaidMinor - p.RefundedMinor, Currency: p.Currency,
		Reason: reason, Actor: actor, State: state, Attempt: 1}
	p.State, p.Reason, p.RefundedMinor, p.LookAt = PaymentRefunded, reason, p.PaidMinor, nil
	if err := updatePayment(tx, *p); err != nil {
		return err
	}
	if err := insertRefund(tx, r); err != nil {
		return err
	}
	if err := s.post(tx, letter{Kind: letterRefund, Event: p.Event, Subject: r.ID}); err != nil {
		return err
	}
	return tx.Enqueue(refundJob(r.ID))
}

// ReturnPayment sends back money that nobody knows what to do with. Errors:
// fault.NotFound, fault.Conflict unless the payment is flagged.
func (s *Service) ReturnPayment(tx *db.Tx, payment id.ID, actor string) (Payment, error) {
	const op = "sales.ReturnPayment"
	p, err := lockPayment(tx, payment)
	if err != nil {
		return p, err
	}
	if p.State != PaymentFlagged || p.PaidMinor == 0 {
		return p, fault.E(op, fault.Conflict, "the payment is "+string(p.State)+", and nothing of it can be returned", nil).
			WithFix("refund tickets of its order, or what came in another currency in the provider's dashboard")
	}
	return p, s.giveBack(tx, &p, p.Reason, actor)
}

// Receive notes money that came by transfer or at the door. Errors: fault.NotFound,
// fault.Invalid when it is not what was asked for, fault.Conflict for a payment that
// is not waited for.
func (s *Service) Receive(tx *db.Tx, payment id.ID, minor int64) (Payment, error) {
	p, err := lockPayment(tx, payment)
	if err != nil {
		return p, err
	}
	return s.receive(tx, p, minor)
}

// receive is Receive for a payment that is locked.
func (s *Service) receive(tx *db.Tx, p Payment, minor int64) (Payment, error) {
	const op = "sales.Receive"
	if p.Method == pay.Stripe || p.State != PaymentDue && !(p.Method == pay.Transfer && p.hopeful()) {
		return p, fault.E(op, fault.Conflict, "no money is waited for: the payment is "+string(p.State), nil)
	}
	if minor != p.AmountMinor {
		return p, fault.BadField(op, "amount_minor", "is not what the order costs", p.amount().String()+"; send other money back and leave the payment as it is")
	}
	if p.State == PaymentDue {
		now := tx.Now()
		p.PaidMinor, p.PaidAt = minor, &now
		if err := s.settled(tx, &p, *p.Order); err != nil {
			return p, err
		}
		return p, s.noteReceived(tx, &p)
	}
	p.hear(pay.State{Status: pay.Paid, Paid: p.amount()}, tx.Now())
	if err := updatePayment(tx, p); err != nil {
		return p, err
	}
	if err := s.changed(tx, &p); err != nil {
		return p, err
	}
	return p, s.noteReceived(tx, &p)
}

// noteReceived writes into the audit log who says that the money came: no provider does.
func (s *Service) noteReceived(tx *db.Tx, p *Payment) error {
	if s.cfg.Audit == nil {
		return nil
	}
	return s.cfg.Audit.Note(tx, web.Actor(tx.Ctx()), "payment.received", "payment:"+p.ID.String(),
		map[string]any{"amount_minor": p.PaidMinor, "currency": p.Currency, "method": p.Method})
}

const (
	lookAfter  = 5 * time.Minute // from the beginning of a payment until its provider is asked
	lookEvery  = 10 * time.Minute
	lookBatch  = 200
	stuckAfter = 10 * time.Minute
)

// Reconcile asks providers about payments of which no notice came, ends those whose
// time is over, and takes up what a lost job left lying. Safe to run twice.
func (s *Service) Reconcile(ctx context.Context) error {
	due, err := s.duePayments(ctx, lookBatch)
	if err != nil {
		return err
	}
	s.lookAll(ctx, due)
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		payments, err := takeStuck(tx, "payment", string(PaymentPaid), stuckAfter, lookBatch)
		if err != nil {
			return err
		}
		refunds, err := takeStuck(tx, "refund", string(RefundWaiting), stuckAfter, lookBatch)
		if err != nil || len(payments)+len(refunds) == 0 {
			return err
		}
		var jobs []db.Job
		for _, payment := range payments {
			jobs = append(jobs, settleJob(payment))
		}
		for _, refund := range refunds {
			jobs = append(jobs, refundJob(refund))
		}
		return tx.Enqueue(jobs...)
	})
}

// lookAll looks at payments. Of a provider that is away it asks once: the others of
// its payments are still due the next time.
func (s *Service) lookAll(ctx context.Context, due []Payment) {
	type provider struct {
		mode   pay.Mode
		method pay.Method
	}
	away := map[provider]bool{}
	for i := range due {
		p := &due[i]
		by := provider{p.Mode, p.Method}
		if p.Session != "" && away[by] {
			continue
		}
		if err := s.lookAt(ctx, p); err != nil {
			away[by] = fault.Retryable(err)
			s.log.Warn("a payment could not be looked up", "payment", p.ID, "error", err)
		}
	}
}

func (s *Service) lookAt(ctx context.Context, p *Payment) error {
	if p.Method == pay.Door {
		_, err := s.placeDue(ctx, *p)
		if fault.Is(err, fault.Conflict) {
			return nil
		}
		return err
	}
	st := pay.State{Status: pay.Open}
	if p.Session != "" {
		by, err := s.pays.Of(p.Mode, p.Method)
		if err == nil {
			st, err = by.Look(ctx, p.Session)
		}
		if err != nil {
			return s.lookLater(ctx, p.ID, err)
		}
	}
	over := !s.db.Now().Before(*p.Until)
	// Nobody was told where to pay, or nobody else can say that its time is over.
	if over && st.Status == pay.Open && (p.Session == "" || p.Method == pay.Transfer) {
		st.Status = pay.Expired
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		now, err := s.hears(tx, p.ID, p.Mode, st)
		if err != nil || now.LookAt == nil {
			return err
		}
		return postponeLook(tx, p.ID, tx.Now().Add(lookEvery))
	})
}

// lookLater lets the others go first.
func (s *Service) lookLater(ctx context.Context, payment id.ID, cause error) error {
	err := s.db.InTx(ctx, func(tx *db.Tx) error { return postponeLook(tx, payment, tx.Now().Add(lookEvery)) })
	if err != nil {
		return err
	}
	return cause
}

// ClosePayment makes a payment that was replaced one that cannot be paid. Should it
// be paid at this very moment, its notice settles that.
func (s *Service) ClosePayment(ctx context.Context, payment id.ID) error {
	p, err := s.Payment(ctx, payment)
	if err != nil || p.State != PaymentExpired || p.Session == "" {
		return err
	}
	by, err := s.pays.Of(p.Mode, p.Method)
	if err != nil {
		return err
	}
	return by.Close(ctx, p.Session)
}
