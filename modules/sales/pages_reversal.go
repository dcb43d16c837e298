package sales

import (
	"context"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// reversalView is money that was taken back in words, with what can be done about it.
type reversalView struct {
	Reversal
	Amount, Advice string
	Mark           mark
	By             moment // until when it can be answered
	Until, Unseen  bool
}

// reversalWords are a state's mark and what to do.
var reversalWords = map[pay.ReversalKind]map[pay.ReversalState]struct {
	mark
	advice string
}{
	pay.Dispute: {
		pay.ReversalOpen: {mark{"disputed", "s-held"}, "The buyer’s bank asks for the money. The tickets stay valid until you refund them; nothing is sent from here then."},
		pay.ReversalWon:  {mark{"dispute won", "s-done"}, ""},
		pay.ReversalLost: {mark{"dispute lost", "s-held"}, "The money is gone. Refund the tickets to make them void; nothing is sent from here then."},
	},
	pay.Elsewhere: {
		pay.ReversalWon:  {mark{"refund at Stripe failed", "s-done"}, ""},
		pay.ReversalLost: {mark{"refunded at Stripe", "s-held"}, "The tickets are still valid. Refund them to make them void; nothing is sent from here then."},
	},
}

func (r *Reversal) view(e *Event) reversalView {
	w := reversalWords[r.Kind][r.State]
	v := reversalView{Reversal: *r, Amount: amountText(r.AmountMinor, r.Currency), Mark: w.mark, Advice: w.advice, Unseen: isUnseen(*r)}
	if r.AnswerBy != nil {
		v.By, v.Until = e.on(r.AnswerBy), true
	}
	return v
}

// refundWay is how money goes back that came by a method, and of which that was taken back.
func refundWay(m pay.Method, taken ...Reversal) string {
	switch {
	case slices.ContainsFunc(taken, takes):
		return "Nothing is sent from here, as money of this payment was taken back at Stripe: send what is missing there, and say so here."
	case m == pay.Stripe:
		return "Stripe sends it back to where it came from."
	}
	return "You send it yourself; say so here once you have."
}

func (s *Service) pageReversalSeen(c echo.Context) error {
	return s.changeMoney(c, "seen", s.reversalHome, func(tx *db.Tx, reversal id.ID) error { _, err := s.SeeReversal(tx, reversal); return err })
}

func (s *Service) reversalHome(ctx context.Context, reversal id.ID) (home, error) {
	r, err := s.Reversal(ctx, reversal)
	return home{r.Event, r.Order}, err
}
