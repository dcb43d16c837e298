package sales

import "strconv"

// subjectReturn is the subject of a refund's letter when the money had bought nothing.
const subjectReturn = "return"

// letterWords is what letters say in one language.
type letterWords struct {
	subject                                    map[string]string
	hello, bought, toTickets, toTicket, secret string
	somebody, handed, kept, toOffer, given     string
	comes, toOrder                             string
	pay, until, reference, toPayment           string
	tickets                                    [2]string // one, several
}

var letterTongues = map[string]letterWords{
	"en": {
		subject: map[string]string{letterOrder: "Your tickets", letterTransfer: "A ticket for you", letterOffer: "Tickets are kept for you", letterRefund: "Tickets given back", subjectReturn: "Your payment goes back", letterBank: "How to pay"},
		hello:   "Hello", bought: "Thank you. You have bought", toTickets: "Your tickets, with their codes", toTicket: "Your ticket, with its code",
		secret:   "Whoever has this link has the code: keep it to yourself.",
		somebody: "Somebody", handed: "has handed a ticket on to you. It is yours now; the code so far no longer works.",
		kept: "kept for you until", toOffer: "Take what is kept for you", given: "given back. Their codes no longer work.", comes: "goes back the way it came; with a bank that takes some days.",
		toOrder: "Your order", pay: "Please send", until: "by bank transfer, to arrive by", reference: "With this reference, and nothing else:", toPayment: "How your payment stands",
		tickets: [2]string{"ticket", "tickets"},
	},
	"de": { //nolint:gosec // G101: it speaks of a secret, and is none
		subject: map[string]string{letterOrder: "Ihre Tickets", letterTransfer: "Ein Ticket für Sie", letterOffer: "Für Sie zurückgelegt", letterRefund: "Zurückgegebene Tickets", subjectReturn: "Ihre Zahlung geht zurück", letterBank: "So bezahlen Sie"},
		hello:   "Guten Tag", bought: "Vielen Dank. Sie haben gekauft:", toTickets: "Ihre Tickets mit den Codes", toTicket: "Ihr Ticket mit dem Code",
		secret:   "Wer diesen Link hat, hat den Code: Behalten Sie ihn für sich.",
		somebody: "Jemand", handed: "hat ein Ticket an Sie weitergegeben. Es gehört nun Ihnen; der bisherige Code gilt nicht mehr.",
		kept: "zurückgelegt für Sie bis", toOffer: "Nehmen, was zurückgelegt ist", given: "zurückgegeben. Die Codes gelten nicht mehr.", comes: "gehen denselben Weg zurück; bei einer Bank dauert das einige Tage.",
		toOrder: "Ihre Bestellung", pay: "Bitte überweisen Sie", until: "so, dass es eingeht bis", reference: "Mit diesem Verwendungszweck und nichts anderem:", toPayment: "So steht Ihre Zahlung",
		tickets: [2]string{"Ticket", "Tickets"},
	},
}

// plural is "1 ticket", "2 tickets".
func plural(words [2]string, n int) string {
	if n == 1 {
		return "1 " + words[0]
	}
	return strconv.Itoa(n) + " " + words[1]
}
