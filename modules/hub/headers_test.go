package hub

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// What stands in a draft's headers, and after it in those of the installation's own
// template, ends up in the message for the push service that knows it.
func TestHeadersBecomeFieldsOfTheMessage(t *testing.T) {
	now := time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)
	drafted := map[string]string{"Apns-Topic": "org.example.voip", "apns-push-type": "voip", "apns-priority": "5", "apns-expiration": "0",
		"apns-collapse-id": "one", "ttl": "60", "urgency": "high", "topic": "two", "X-WNS-Type": "wns/toast"}
	own := map[string]string{"apns-priority": "#(prio)", "apns-collapse-id": "{'match-' + $(match)}", "ttl": "$(missing:{30})"}
	base := push.Message{Topic: "org.example.app", Priority: push.High, Collapse: "draft"}
	for _, c := range []struct {
		service push.Service
		own     map[string]string
		want    push.Message
	}{
		{push.APNs, nil, push.Message{Topic: "org.example.voip", PushType: "voip", Priority: push.Normal, Collapse: "one", Expires: time.Unix(0, 0)}},
		{push.APNs, own, push.Message{Topic: "org.example.voip", PushType: "voip", Priority: push.High, Collapse: "match-7", Expires: time.Unix(0, 0)}},
		{push.WebPush, nil, push.Message{Topic: "org.example.app", Priority: push.High, Collapse: "two", Expires: now.Add(time.Minute)}},
		{push.WebPush, own, push.Message{Topic: "org.example.app", Priority: push.High, Collapse: "two", Expires: now.Add(30 * time.Second)}},
		{push.FCM, own, base},
	} {
		d := Draft{Properties: map[string]any{"prio": 10, "match": "7"}, Headers: drafted}
		if err := d.validate(now, time.Hour); err != nil {
			t.Fatal(err)
		}
		l, err := newLetter(App{Locale: "en", Zone: "UTC", Currency: "EUR"}, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		templates, err := json.Marshal(map[string]Template{"": {Body: `{}`, Headers: c.own}})
		if err != nil {
			t.Fatal(err)
		}
		rc := &recipient{service: c.service, templates: templates}
		got := base
		if err := l.address(&got, rc, l.reader(rc), now); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s with %v:\n got %+v\nwant %+v", c.service, c.own, got, c.want)
		}
	}
}

// A value that a property makes unfit fails the delivery; it does not reach the wire.
func TestAnUnfitRenderedHeaderFailsTheDelivery(t *testing.T) {
	r := newRig(t)
	r.register("reg", 1, "", func(x *Registration) {
		x.Template = &Template{Body: `{"aps":{"alert":"$(a)"}}`, Headers: map[string]string{"apns-topic": "$(topic)"}}
	})
	n := r.send(Draft{Properties: map[string]any{"a": "b", "topic": "x\r\nevil: 1"}})
	r.work()
	list, _, err := r.Deliveries(t.Context(), n, deliveryPlace{No: noPlace}, 10)
	r.must(err)
	if len(list) != 1 || list[0].State != stateFailed || !strings.Contains(list[0].Reason, "apns-topic") {
		t.Errorf("deliveries %+v", list)
	}
}

func TestUnfitHeadersOfADraftAreRefused(t *testing.T) {
	for name, value := range map[string]string{"apns-priority": "11", "apns-expiration": "soon", "apns-collapse-id": strings.Repeat("x", 65),
		"ttl": "-1", "urgency": "now", "x-any": "a\nb", "x-long": strings.Repeat("x", 257)} {
		d := Draft{Template: "alert", Headers: map[string]string{name: value}}
		err := d.validate(time.Unix(0, 0), time.Hour)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Code != fault.Invalid || e.Fields[0].Name != "headers."+name {
			t.Errorf("%s %q: %v", name, value, err)
		}
	}
}

// A native body of Web Push is passed as it is; text that is no JSON stands in a JSON string.
func TestANativeBodyForABrowserIsPassedAsItIs(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.WebPush, 1, "")
	for body, want := range map[string]string{`{ "title": "Doors"}`: `{ "title": "Doors"}`, `"plain \"text\""`: `plain "text"`} {
		before := len(r.got(phone.Handle))
		r.send(Draft{Native: map[push.Service]json.RawMessage{push.WebPush: json.RawMessage(body)}, Services: []push.Service{push.WebPush}})
		r.work()
		got := r.got(phone.Handle)
		if len(got) != before+1 || compact(got[before]) != compact(want) {
			t.Errorf("%s: the browser got %q, want %q", body, got, want)
		}
	}
	if _, err := r.trySend(Draft{Native: map[push.Service]json.RawMessage{push.APNs: json.RawMessage(`{`)}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a native body that is no JSON: %v", err)
	}
}

// compact leaves out what jsonb does not keep.
func compact(s string) string { return strings.ReplaceAll(s, " ", "") }
