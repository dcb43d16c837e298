package sales

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/sales/pay"
)

// SendRefund asks the provider to send money back. It may be asked again: the same
// refund is sent once. Errors: those that may pass; others are kept with the refund.
func (s *Service) SendRefund(ctx context.Context, refund id.ID) error {
	r, err := s.Refund(ctx, refund)
	if err != nil || r.State != RefundWaiting || r.Payment == nil {
		return err
	}
	p, err := s.Payment(ctx, *r.Payment)
	if err != nil {
		return err
	}
	out := pay.Refunded{Status: pay.RefundFailed}
	by, err := s.pays.Of(p.Mode, p.Method)
	if err == nil {
		out, err = by.Refund(ctx, pay.Refund{ID: r.ID, Attempt: r.Attempt, Charge: p.Charge, Amount: money.Money{Minor: r.AmountMinor, Currency: r.Currency}})
	}
	if fault.Retryable(err) {
		return err
	}
	if err != nil {
		out.Status, out.Reason = pay.RefundFailed, fault.Message(err)
		s.log.Warn("money could not be sent back", "refund", r.ID, "error", err)
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return s.refundHeard(tx, p.Mode, r.ID, out) })
}

// refundHeard notes what became of a refund. A bank may refuse money that was said to
// be sent, so done may become failed, but nothing becomes sent again.
func (s *Service) refundHeard(tx *db.Tx, mode pay.Mode, refund id.ID, out pay.Refunded) error {
	r, of, err := lockRefund(tx, refund)
	if err != nil {
		return err
	}
	if of != mode {
		return noRefund(nil)
	}
	if state := RefundState(out.Status); r.oldNews(out) || state == r.State || r.State == RefundDone && state != RefundFailed || r.State == RefundFailed && state != RefundDone {
		return nil
	}
	r.State, r.Error = RefundState(out.Status), out.Reason
	if out.Ref != "" {
		r.Ref = out.Ref
	}
	return updateRefund(tx, r)
}

// oldNews reports whether what a provider says is of an attempt before the present one.
// Ref is the provider's name of the latest attempt it has answered; none once the
// promoter sent the money himself.
func (r *Refund) oldNews(out pay.Refunded) bool {
	switch {
	case out.Ref == "":
		return false
	case r.State == RefundWaiting:
		return r.Ref == out.Ref
	}
	return r.Ref != out.Ref && (r.Ref != "" || r.State == RefundDone)
}

// RetryRefund tries again to send money back. Errors: fault.NotFound, fault.Conflict
// unless it failed, and when money was taken back at the provider meanwhile.
func (s *Service) RetryRefund(tx *db.Tx, refund id.ID) (Refund, error) {
	r, _, err := lockRefund(tx, refund)
	if err != nil {
		return r, err
	}
	if r.State != RefundFailed {
		return r, fault.E("sales.RetryRefund", fault.Conflict, "the refund is "+string(r.State), nil)
	}
	start, err := refundStart(tx, *r.Payment)
	if err == nil && start != RefundWaiting {
		err = fault.E("sales.RetryRefund", fault.Conflict, "money of this payment was taken back at Stripe: the buyer might have it twice", nil).WithFix("send what is missing there, and say that you have sent it")
	}
	if err != nil {
		return r, err
	}
	r.State, r.Error = start, ""
	r.Attempt++
	if err := updateRefund(tx, r); err != nil {
		return r, err
	}
	return r, tx.Enqueue(refundJob(r.ID))
}

// RefundedByHand notes that the promoter has sent the money himself: from his bank,
// or where the provider could not. Errors: fault.NotFound, fault.Conflict.
func (s *Service) RefundedByHand(tx *db.Tx, refund id.ID) (Refund, error) {
	r, _, err := lockRefund(tx, refund)
	if err != nil {
		return r, err
	}
	if r.State != RefundByHand && r.State != RefundFailed {
		return r, fault.E("sales.RefundedByHand", fault.Conflict, "the refund is "+string(r.State), nil)
	}
	r.State, r.Error, r.Ref = RefundDone, "", ""
	return r, updateRefund(tx, r)
}
