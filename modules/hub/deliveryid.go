package hub

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// A delivery's id is a UUID of version 8 (RFC 9562) that holds the notification's
// number in the 60 bits around the version and the recipient's in the last 62.
// It is stable, so a repeat replaces the first on the phone, and it leads an app's
// report of an open back to both.
func deliveryID(notification, recipient int64) string {
	var u uuid.UUID
	n := uint64(notification)
	binary.BigEndian.PutUint64(u[:8], n>>12<<16|8<<12|n&0xfff)
	binary.BigEndian.PutUint64(u[8:], uint64(recipient)&(1<<62-1)|1<<63)
	return u.String()
}

// parseDeliveryID reads what deliveryID made. Errors: fault.Invalid.
func parseDeliveryID(s string) (notification, recipient int64, err error) {
	u, err := uuid.Parse(s)
	if err != nil || u.Version() != 8 {
		return 0, 0, fault.BadField("hub.parseDeliveryID", "delivery", "is no delivery id", "the id that came with the message: apns-id, or delivery in its data")
	}
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	recipient = int64(lo<<2) >> 2 // sign-extend 62 bits: targets of direct sends are negative
	return int64(hi>>16<<12 | hi&0xfff), recipient, nil
}
