package pay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/form"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/money"
)

// stripeTime bounds one request to Stripe.
const stripeTime = 20 * time.Second

// stripePages sends buyers to Stripe's own page (Checkout), so that no card data
// touches us.
type stripePages struct {
	backend stripe.Backend
	key     string
	mode    Mode
	methods []string
	secret  string
}

func newStripe(cfg StripeConfig, mode Mode, keys StripeKeys) *stripePages {
	b := &stripe.BackendConfig{
		HTTPClient:        &http.Client{Timeout: stripeTime},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // its log would name people
		MaxNetworkRetries: stripe.Int64(2),
		EnableTelemetry:   new(false),
	}
	if cfg.API != "" {
		b.URL = stripe.String(cfg.API)
	}
	return &stripePages{backend: stripe.GetBackendWithConfig(stripe.APIBackend, b), key: keys.Key, mode: mode, methods: cfg.Methods, secret: keys.Webhook}
}

// sessions and refunds are the two parts of Stripe's API that we use.
const (
	sessions = "/v1/checkout/sessions"
	refunds  = "/v1/refunds"
)

// ask calls Stripe. stripe.Client would do the same, and bring all of its 560 operations into
// the program: 7 MB (docs/dependencies.md).
func (s *stripePages) ask(ctx context.Context, method, path string, p stripe.ParamsContainer, answer stripe.LastResponseSetter) error {
	p.GetParams().Context = ctx
	return s.backend.Call(method, path, s.key, p, answer)
}

func (s *stripePages) Begin(ctx context.Context, r Request) (State, error) {
	p := &stripe.CheckoutSessionCreateParams{
		Mode:              stripe.String(string(stripe.CheckoutSessionModePayment)),
		ClientReferenceID: stripe.String(r.Payment.String()),
		SuccessURL:        stripe.String(r.Back),
		CancelURL:         stripe.String(r.Back),
		ExpiresAt:         new(r.Until.Unix()),
		Locale:            stripe.String(stripeLocale(r.Locale)),
		// What was quoted is what is charged, in the event's currency.
		AdaptivePricing:   &stripe.CheckoutSessionCreateAdaptivePricingParams{Enabled: new(false)},
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: map[string]string{"payment": r.Payment.String()}},
	}
	if r.Email != "" {
		p.CustomerEmail = stripe.String(r.Email)
	}
	for _, m := range s.methods {
		p.PaymentMethodTypes = append(p.PaymentMethodTypes, stripe.String(m))
	}
	for _, item := range r.Items {
		unit, err := toStripe(money.Money{Minor: item.UnitMinor, Currency: r.Amount.Currency})
		if err != nil {
			return State{}, err
		}
		p.LineItems = append(p.LineItems, &stripe.CheckoutSessionCreateLineItemParams{
			Quantity: new(int64(item.Qty)),
			PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
				Currency:    stripe.String(strings.ToLower(r.Amount.Currency)),
				UnitAmount:  new(unit),
				ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String(item.Title)},
			},
		})
	}
	p.SetIdempotencyKey("payment-" + r.Payment.String())
	var session stripe.CheckoutSession
	if err := s.ask(ctx, http.MethodPost, sessions, p, &session); err != nil {
		return State{}, refused("pay.Begin", err)
	}
	return s.stateOf(&session)
}

func (s *stripePages) Look(ctx context.Context, session string) (State, error) {
	p := &stripe.CheckoutSessionRetrieveParams{}
	p.AddExpand("payment_intent")
	var found stripe.CheckoutSession
	if err := s.ask(ctx, http.MethodGet, stripe.FormatURLPath(sessions+"/%s", session), p, &found); err != nil {
		return State{}, refused("pay.Look", err)
	}
	return s.stateOf(&found)
}

// Close expires a session; one that has ended already refuses, which is as good.
func (s *stripePages) Close(ctx context.Context, session string) error {
	err := s.ask(ctx, http.MethodPost, stripe.FormatURLPath(sessions+"/%s/expire", session), &stripe.CheckoutSessionExpireParams{}, &stripe.CheckoutSession{})
	if err = refused("pay.Close", err); fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Refund asks first whether Stripe has made this refund: it remembers idempotency
// keys for a day only, and a job may come later.
func (s *stripePages) Refund(ctx context.Context, r Refund) (Refunded, error) {
	const op = "pay.Refund"
	amount, err := toStripe(r.Amount)
	if err != nil {
		return Refunded{}, err
	}
	made, err := s.refundMade(ctx, r)
	if err != nil || made != nil {
		return refundedOf(made), err
	}
	p := &stripe.RefundCreateParams{PaymentIntent: stripe.String(r.Charge), Amount: new(amount), Metadata: map[string]string{"refund": r.ID.String()}}
	p.SetIdempotencyKey(fmt.Sprintf("refund-%s-%d", r.ID, r.Attempt))
	made = &stripe.Refund{}
	if err := s.ask(ctx, http.MethodPost, refunds, p, made); err != nil {
		return Refunded{}, refused(op, err)
	}
	return refundedOf(made), nil
}

// refundMade looks for a refund among those of its payment; nil when Stripe has not made it, or
// it came to nothing.
func (s *stripePages) refundMade(ctx context.Context, r Refund) (*stripe.Refund, error) {
	p := &stripe.RefundListParams{PaymentIntent: stripe.String(r.Charge)}
	p.Limit = stripe.Int64(100)
	for {
		var page stripe.RefundList
		var query form.Values
		form.AppendTo(&query, p)
		if err := s.backend.CallRaw(http.MethodGet, refunds, s.key, []byte(query.Encode()), &stripe.Params{Context: ctx}, &page); err != nil {
			return nil, refused("pay.Refund", err)
		}
		for _, made := range page.Data {
			if made.Metadata["refund"] == r.ID.String() && made.Status != stripe.RefundStatusFailed && made.Status != stripe.RefundStatusCanceled {
				return made, nil
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			return nil, nil //nolint:nilnil // there is none
		}
		p.StartingAfter = stripe.String(page.Data[len(page.Data)-1].ID)
	}
}

// refundedOf is what we keep of a refund; the zero value of none.
func refundedOf(r *stripe.Refund) Refunded {
	if r == nil {
		return Refunded{}
	}
	out := Refunded{Status: RefundSent, Ref: r.ID}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		out.Status = RefundDone
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		out.Status, out.Reason = RefundFailed, spaced(string(r.FailureReason))
	}
	return out
}

// stateOf reads a session. Errors: fault.Invalid when it is of the other mode, or of
// a currency that is none.
func (s *stripePages) stateOf(c *stripe.CheckoutSession) (State, error) {
	if c.Livemode != (s.mode == Live) {
		return State{}, otherMode()
	}
	out := State{Status: Open, Session: c.ID, Redirect: c.URL}
	intent := c.PaymentIntent
	if intent != nil {
		out.Charge = intent.ID
	}
	switch {
	case c.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid:
		paid, err := fromStripe(c.AmountTotal, string(c.Currency))
		if err != nil {
			return State{}, err
		}
		out.Status, out.Paid = Paid, paid
	case c.Status == stripe.CheckoutSessionStatusExpired:
		out.Status = Expired
	case c.Status == stripe.CheckoutSessionStatusComplete && intent != nil &&
		(intent.Status == stripe.PaymentIntentStatusRequiresPaymentMethod || intent.Status == stripe.PaymentIntentStatusCanceled):
		out.Status = Failed
	case c.Status == stripe.CheckoutSessionStatusComplete:
		out.Status = Processing
	}
	return out, nil
}

func otherMode() error {
	return fault.E("pay.Stripe", fault.Invalid, "live and sandbox do not mix", nil).WithFix("use each mode's own keys, endpoint and secret")
}

// stripeLocale is a locale of Stripe's page: the language, which it knows or else
// takes the browser's.
func stripeLocale(locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	switch language {
	case "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh":
		return language
	}
	return "auto"
}

// refused classifies an error of Stripe's. Its text may name people, so the cause
// keeps only codes and Stripe's own number of the request.
func refused(op string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return fault.E(op, fault.Transient, "the payment provider cannot be reached", err).After(10 * time.Second)
	}
	cause := fmt.Errorf("stripe: %d %s %s %s, request %s", e.HTTPStatusCode, e.Type, e.Code, e.Param, e.RequestID)
	switch status := e.HTTPStatusCode; {
	case status == http.StatusTooManyRequests || status == http.StatusConflict || status >= 500:
		return fault.E(op, fault.Transient, "the payment provider is busy", cause).After(10 * time.Second)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.E(op, fault.Internal, "the payment provider does not know us", cause).WithFix("check sales.payment.stripe")
	case status == http.StatusNotFound:
		return fault.E(op, fault.NotFound, "the payment provider does not know this payment", cause)
	}
	return fault.E(op, fault.Conflict, "the payment provider refused: "+reason(e), cause)
}

// reason is why Stripe refused, in words that name nobody.
func reason(e *stripe.Error) string {
	if e.Code == "" {
		return "the request was not acceptable"
	}
	return strings.ReplaceAll(string(e.Code), "_", " ")
}
