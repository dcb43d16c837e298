package sales

import (
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/id"
)

// HolderToken is the secret part of the link of whom a ticket was handed to: its
// number and the order's id, signed for this version of this ticket.
func (s *Service) HolderToken(t *Ticket) string {
	return strconv.Itoa(t.N) + "." + signedID(s.ticketKey(t.N, t.Version), t.Order)
}

// parseHolderToken takes it apart; whether it was signed here is still to be seen.
func parseHolderToken(token string) (order id.ID, n int, mac string, ok bool) {
	number, mac, found := strings.Cut(token, ".")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 || n > maxQty || strconv.Itoa(n) != number {
		return id.Nil, 0, "", false
	}
	order, ok = unsignedID(mac)
	return order, n, mac, ok
}
