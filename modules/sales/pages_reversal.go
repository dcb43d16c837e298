package sales

import "github.com/usherhq/usher/modules/sales/pay"

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
	v := reversalView{Reversal: *r, Amount: amountText(r.AmountMinor, r.Currency), Mark: w.mark, Advice: w.advice, Unseen: r.SeenAt == nil}
	if r.AnswerBy != nil {
		v.By, v.Until = e.on(r.AnswerBy), true
	}
	return v
}

// viewWith is the view of a payment of which money was taken back.
func (p *Payment) viewWith(e *Event, taken []Reversal) paymentView {
	v := p.view(e)
	for i := range taken {
		v.Reversals = append(v.Reversals, taken[i].view(e))
	}
	return v
}
