package azure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/hub/push"
)

// platform is what the protocol calls a push service: one word in registrations,
// another in installations and sends.
type platform struct {
	form         string       // begins the names of registration descriptions: "Apple"
	installation string       // in an installation's JSON
	format       string       // in ServiceBusNotification-Format
	kind         string       // of the handle, in the hub
	service      push.Service // the hub's; some are stored only, and their sends end as UnsupportedPlatform
	handle       string       // element of the handle
	headers      string       // element of a template's headers; its entries lack the last s
	counts       string       // element of its outcomes in a report
}

// platforms are all those of the protocol. Where two share a kind, the first is
// what a handle is called that nobody has called anything yet.
var platforms = []platform{
	{"Apple", "apns", "apple", "apns", push.APNs, "DeviceToken", "ApnsHeaders", "ApnsOutcomeCounts"},
	{"FcmV1", "fcmv1", "fcmv1", "fcm_token", push.FCM, "FcmV1RegistrationId", "", "FcmV1OutcomeCounts"},
	{"Gcm", "gcm", "gcm", "fcm_token", push.FCM, "GcmRegistrationId", "", "GcmOutcomeCounts"},
	{"Browser", "browser", "browser", "webpush", push.WebPush, "Endpoint", "", "BrowserOutcomeCounts"},
	{"Windows", "wns", "windows", "wns", "wns", "ChannelUri", "WnsHeaders", "WnsOutcomeCounts"},
	{"Mpns", "mpns", "windowsphone", "mpns", "mpns", "ChannelUri", "MpnsHeaders", "MpnsOutcomeCounts"},
	{"Adm", "adm", "adm", "adm", "adm", "AdmRegistrationId", "", "AdmOutcomeCounts"},
	{"Baidu", "baidu", "baidu", "baidu", "baidu", "BaiduChannelId", "", "BaiduOutcomeCounts"},
}

// find gives the first platform that is like that; nil when none is.
func find(like func(*platform) bool) *platform {
	for i := range platforms {
		if like(&platforms[i]) {
			return &platforms[i]
		}
	}
	return nil
}

// platformOf is what a handle of a kind is called; said is what its owner called it.
func platformOf(kind, said string) *platform {
	kind = cmp.Or(map[string]string{"fcm_fid": "fcm_token"}[kind], kind)
	if p := find(func(p *platform) bool { return p.kind == kind && p.form == said }); p != nil {
		return p
	}
	return find(func(p *platform) bool { return p.kind == kind })
}

// words lists one of the names of every platform, for messages.
func words(name func(platform) string) string {
	var all []string
	for _, p := range platforms {
		all = append(all, name(p))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
