package pay

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// stripeTolerance is how old a signed notice may be.
const stripeTolerance = 5 * time.Minute

// Notice reads a webhook. One that concerns none of ours has an ID only.
//
// The body is the request's own bytes, signature its Stripe-Signature header.
// Source: https://docs.stripe.com/webhooks#verify-manually.
func (s *stripePages) Notice(body []byte, signature string) (Notice, error) {
	const op = "pay.Notice"
	// Another API version is fine: the fields read here are in all of them.
	event, err := webhook.ConstructEventWithOptions(body, signature, s.secret, webhook.ConstructEventOptions{Tolerance: stripeTolerance, IgnoreAPIVersionMismatch: true})
	if err != nil {
		return Notice{}, fault.E(op, fault.Unauthenticated, "the signature is not Stripe's, or too old", err).WithFix("set the signing secret of this endpoint")
	}
	if event.Livemode != (s.mode == Live) {
		return Notice{}, otherMode()
	}
	n := Notice{ID: event.ID}
	if event.Data == nil {
		return n, nil
	}
	switch event.Type {
	case stripe.EventTypeCheckoutSessionCompleted, stripe.EventTypeCheckoutSessionAsyncPaymentSucceeded,
		stripe.EventTypeCheckoutSessionAsyncPaymentFailed, stripe.EventTypeCheckoutSessionExpired:
		return s.sessionNotice(n, event)
	case stripe.EventTypeChargeDisputeCreated, stripe.EventTypeChargeDisputeUpdated, stripe.EventTypeChargeDisputeClosed,
		stripe.EventTypeChargeDisputeFundsWithdrawn, stripe.EventTypeChargeDisputeFundsReinstated:
		return disputeNotice(n, event)
	case stripe.EventTypeRefundCreated, stripe.EventTypeRefundUpdated, stripe.EventTypeRefundFailed, stripe.EventTypeChargeRefundUpdated:
		return refundNotice(n, event)
	}
	return n, nil
}

func (s *stripePages) sessionNotice(n Notice, event stripe.Event) (Notice, error) {
	var c stripe.CheckoutSession
	if err := json.Unmarshal(event.Data.Raw, &c); err != nil {
		return n, fault.E("pay.Notice", fault.Invalid, "the session cannot be read", err)
	}
	payment, err := id.Parse(c.ClientReferenceID)
	if err != nil {
		return n, nil //nolint:nilerr // somebody else's session on the same account
	}
	state, err := s.stateOf(&c)
	if err != nil {
		return n, err
	}
	if event.Type == stripe.EventTypeCheckoutSessionAsyncPaymentFailed && state.Status != Paid {
		state.Status = Failed
	}
	n.Payment, n.State = payment, &state
	return n, nil
}

func refundNotice(n Notice, event stripe.Event) (Notice, error) {
	var r stripe.Refund
	if err := json.Unmarshal(event.Data.Raw, &r); err != nil {
		return n, fault.E("pay.Notice", fault.Invalid, "the refund cannot be read", err)
	}
	refund, err := id.Parse(r.Metadata["refund"])
	if err != nil {
		return elsewhere(n, event, &r)
	}
	outcome := refundedOf(&r)
	n.Refund, n.Outcome = refund, &outcome
	return n, nil
}

// elsewhere is a refund that somebody made in Stripe's dashboard.
func elsewhere(n Notice, event stripe.Event, r *stripe.Refund) (Notice, error) {
	if r.PaymentIntent == nil {
		return n, nil
	}
	amount, err := fromStripe(r.Amount, string(r.Currency))
	if err != nil {
		return n, err
	}
	n.Charge = r.PaymentIntent.ID
	n.Reversal = &Reversal{Kind: Elsewhere, Ref: r.ID, State: ReversalLost, Amount: amount, Reason: spaced(string(r.Reason)), At: time.Unix(event.Created, 0).UTC()}
	if refundedOf(r).Status == RefundFailed {
		n.Reversal.State = ReversalWon
	}
	return n, nil
}

// dispute is what is read of Stripe's; its own type would bring all that evidence can be.
type dispute struct {
	ID            string `json:"id"`
	PaymentIntent string `json:"payment_intent"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	Reason        string `json:"reason"`
	Status        string `json:"status"`
	Evidence      struct {
		DueBy int64 `json:"due_by"` // Unix seconds; 0: it cannot be answered
	} `json:"evidence_details"`
}

// Source: https://docs.stripe.com/api/disputes/object.
func disputeNotice(n Notice, event stripe.Event) (Notice, error) {
	var d dispute
	if err := json.Unmarshal(event.Data.Raw, &d); err != nil {
		return n, fault.E("pay.Notice", fault.Invalid, "the dispute cannot be read", err)
	}
	if d.PaymentIntent == "" { // of no session
		return n, nil
	}
	amount, err := fromStripe(d.Amount, d.Currency)
	if err != nil {
		return n, err
	}
	n.Charge = d.PaymentIntent
	n.Reversal = &Reversal{Kind: Dispute, Ref: d.ID, State: ReversalOpen, Amount: amount, Reason: spaced(d.Reason), At: time.Unix(event.Created, 0).UTC()}
	switch d.Status {
	case "won", "warning_closed", "prevented":
		n.Reversal.State = ReversalWon
	case "lost":
		n.Reversal.State = ReversalLost
	case "needs_response", "warning_needs_response":
		if d.Evidence.DueBy > 0 {
			by := time.Unix(d.Evidence.DueBy, 0).UTC()
			n.Reversal.AnswerBy = &by
		}
	}
	return n, nil
}

// spaced is a word of Stripe's as people read it.
func spaced(word string) string { return strings.ReplaceAll(word, "_", " ") }
