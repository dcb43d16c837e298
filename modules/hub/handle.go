package hub

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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
		if len(handle) < 64 || len(handle) > 200 || strings.Trim(handle, "0123456789abcdefABCDEF") != "" {
			return "is no APNs device token", "64 to 200 hexadecimal digits, as didRegisterForRemoteNotifications gives them"
		}
	case "wns", "mpns", "adm", "baidu":
		if strings.ContainsFunc(handle, func(r rune) bool { return r <= ' ' || r == 0x7f }) || !utf8.ValidString(handle) {
			return "has a character that no handle has", "the channel or token as the platform gives it"
		}
	case "fcm_token", "fcm_fid":
		if strings.ContainsAny(handle, " \t\r\n\"\\") {
			return "is no FCM token", "the token as the SDK gives it, without spaces or quotes"
		}
	case "webpush":
		if err := webpush.ValidateSubscription(handle, p256dh, auth); err != nil {
			if e, ok := errors.AsType[*fault.Error](err); ok {
				return e.Message, e.Fix
			}
			return err.Error(), "the subscription's endpoint, p256dh and auth as PushSubscription.toJSON() gives them"
		}
	}
	return "", ""
}
