package pay

import (
	"context"
	"strings"

	"github.com/usherhq/usher/modules/kernel/id"
)

// transfer waits for money on the promoter's account; he says when it is there.
type transfer struct{}

// referenceLetters leave out what people confuse: 0 and O, 1, I and L.
const referenceLetters = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// Reference is what a buyer writes on a transfer: twelve letters in groups of four,
// taken from the random end of the payment's id. About 59 bits.
func Reference(payment id.ID) string {
	var b strings.Builder
	var n uint64
	for _, octet := range payment[8:] {
		n = n<<8 | uint64(octet)
	}
	for i := range 12 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(referenceLetters[n%uint64(len(referenceLetters))])
		n /= uint64(len(referenceLetters))
	}
	return b.String()
}

func (transfer) Begin(_ context.Context, r Request) (State, error) {
	return State{Status: Open, Session: Reference(r.Payment)}, nil
}

func (transfer) Look(_ context.Context, session string) (State, error) {
	return State{Status: Open, Session: session}, nil
}

func (transfer) Close(context.Context, string) error { return nil }

func (transfer) Refund(context.Context, Refund) (Refunded, error) {
	return Refunded{Status: RefundByHand}, nil
}

// door trusts the buyer to pay when he comes.
type door struct{}

func (door) Begin(context.Context, Request) (State, error) { return State{Status: Due}, nil }

func (door) Look(context.Context, string) (State, error) { return State{Status: Due}, nil }

func (door) Close(context.Context, string) error { return nil }

func (door) Refund(context.Context, Refund) (Refunded, error) {
	return Refunded{Status: RefundByHand}, nil
}
