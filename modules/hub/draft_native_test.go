package hub

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A native body that its service would refuse for everybody is refused when it is sent here.
func TestANativeBodyThatItsServiceWouldRefuse(t *testing.T) {
	for _, c := range []struct {
		service push.Service
		body    string
		says    string // "": it is sound
	}{
		{push.APNs, `{"aps":{"alert":"Doors open"}}`, ""},
		{push.APNs, `"Doors open"`, "is not a JSON object"},
		{push.FCM, `{"notification":{"title":"Doors"},"data":{"gate":"4"}}`, ""},
		{push.FCM, `{"message":{"notification":{"title":"Doors"}}}`, ""},
		{push.FCM, `{"data":{"gate":4}}`, "is not an FCM v1 message"},
		{push.FCM, `{"topic":"all","data":{"gate":"4"}}`, "names a target"},
		{push.WebPush, `"plain text"`, ""},
		{push.WebPush, `"` + strings.Repeat("x", push.WebPush.MaxPayload()+1) + `"`, "bytes"},
	} {
		d := Draft{Native: map[push.Service]json.RawMessage{c.service: json.RawMessage(c.body)}}
		err := d.validate(time.Unix(0, 0), time.Hour)
		if c.says == "" {
			if err != nil {
				t.Errorf("%s %s: %v", c.service, c.body, err)
			}
			continue
		}
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Code != fault.Invalid || e.Fields[0].Name != "native."+string(c.service) || !strings.Contains(e.Fields[0].Problem, c.says) || e.Fields[0].Fix == "" {
			t.Errorf("%s %.60s: %+v, want %q", c.service, c.body, err, c.says)
		}
	}
}

// What registers is what can be sent to: a token that the transport would call gone is refused at once.
func TestATokenOfHalfAByteIsNone(t *testing.T) {
	token := strings.Repeat("ab", 32)
	for handle, sound := range map[string]bool{token: true, token + token + "FF": true, token + "a": false, token[:62]: false, "x" + token[1:]: false} {
		if problem, fix := checkHandle("apns", handle, "", ""); (problem == "") != sound || (fix == "") != sound {
			t.Errorf("%s: %q, %q", handle, problem, fix)
		}
	}
}
