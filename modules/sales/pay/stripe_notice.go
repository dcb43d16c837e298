package pay

import (
	"encoding/json"
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
	case stripe.EventTypeRefundUpdated, stripe.EventTypeRefundFailed, stripe.EventTypeChargeRefundUpdated:
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
		return n, nil //nolint:nilerr // made in Stripe's dashboard
	}
	outcome := refundedOf(&r)
	n.Refund, n.Outcome = refund, &outcome
	return n, nil
}
