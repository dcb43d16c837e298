package hub

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/apns"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxHandle is the longest handle, in bytes. FCM tokens have about 160, Web Push
// endpoints up to some hundred.
const maxHandle = 2048

// checkHandle says what is wrong with a push handle and how to mend it; both
// are empty when it is sound. Installations and direct sends share it.
func checkHandle(kind, handle, p256dh, auth string) (problem, fix string) {
	switch {
	case serviceOfKind(kind) == "":
		return fmt.Sprintf("has the unknown kind %q", kind), `kind is "apns", "fcm_token", "fcm_fid" or "webpush"; "wns", "mpns", "adm" and "baidu" are stored only`
	case handle == "":
		return "is empty", "the token or subscription endpoint that the device got from its push service"
	case len(handle) > maxHandle:
		return fmt.Sprintf("has %d bytes", len(handle)), fmt.Sprintf("at most %d", maxHandle)
	}
	switch kind {
	case "apns":
		return told(apns.ValidateHandle(push.Handle{Value: handle}))
	case "wns", "mpns", "adm", "baidu":
		if strings.ContainsFunc(handle, func(r rune) bool { return r <= ' ' || r == 0x7f }) || !utf8.ValidString(handle) {
			return "has a character that no handle has", "the channel or token as the platform gives it"
		}
	case "fcm_token", "fcm_fid":
		if strings.ContainsAny(handle, " \t\r\n\"\\") {
			return "is no FCM token", "the token as the SDK gives it, without spaces or quotes"
		}
	case "webpush":
		return told(webpush.ValidateSubscription(handle, p256dh, auth))
	}
	return "", ""
}

// told is what a service's own check says of a handle, and of the keys that belong to it.
func told(err error) (problem, fix string) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return "", ""
	}
	return strings.TrimPrefix(e.Message, "handle: "), e.Fix
}
