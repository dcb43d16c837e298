package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const opMessage = "azure.Message"

// message is one send of the protocol, read but not yet checked by the hub.
type message struct {
	platform *platform // nil: each installation's own templates
	body     []byte
	tags     string
	header   http.Header
	at       *time.Time
}

// readMessage takes a send apart. Errors: fault.Invalid.
func readMessage(h http.Header, body []byte) (message, error) {
	m := message{body: body, header: h, tags: h.Get("ServiceBusNotification-Tags")}
	format := strings.ToLower(h.Get("ServiceBusNotification-Format"))
	if format == "template" {
		return m, nil
	}
	if m.platform = find(func(p *platform) bool { return p.format == format }); m.platform == nil {
		return m, fault.BadField(opMessage, "ServiceBusNotification-Format", fmt.Sprintf("%q is no format that Usher knows", format),
			"template, or one of "+words(func(p platform) string { return p.format }))
	}
	return m, nil
}

// schedule reads the time of a send. Errors: fault.Invalid.
func (m *message) schedule() error {
	text := m.header.Get("ServiceBusNotification-ScheduleTime")
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(form, text); err == nil {
			at = at.UTC()
			m.at = &at
			return nil
		}
	}
	return fault.BadField(opMessage, "ServiceBusNotification-ScheduleTime", "is no time", "such as 2026-12-31T18:00:00Z")
}

// formatHeader is kept with the draft, which knows no difference between gcm and fcmv1.
const formatHeader = "servicebusnotification-format"

// draft is the hub's form of a message. Errors: fault.Invalid.
func (m *message) draft(app string) (hub.Draft, error) {
	d := hub.Draft{App: app, Tags: m.tags, SendAt: m.at, Headers: map[string]string{formatHeader: m.format()}}
	if m.platform == nil {
		d.Properties = map[string]any{}
		if err := json.Unmarshal(m.body, &d.Properties); err != nil || d.Properties == nil {
			return d, fault.E(opMessage, fault.Invalid, "the body is no JSON object of properties", err).WithFix(`such as {"message": "Doors open"}`)
		}
		return d, nil
	}
	d.Reach, d.Services = hub.EachNative, []push.Service{m.platform.service}
	native, err := m.native(&d)
	if err != nil {
		return d, err
	}
	d.Native = map[push.Service]json.RawMessage{m.platform.service: native}
	return d, nil
}

func (m *message) format() string {
	if m.platform == nil {
		return "template"
	}
	return m.platform.format
}

// native is the body as the push service takes it; what it says of time and urgency
// goes into the draft.
func (m *message) native(d *hub.Draft) (json.RawMessage, error) {
	switch m.platform.form {
	case "Gcm":
		return fromLegacy(m.body, d)
	case "Browser":
		m.pass(d, "TTL", "Urgency", "Topic")
		if json.Valid(m.body) {
			return m.body, nil
		}
		return asString(m.body)
	case "Apple", "FcmV1":
	default:
		return asString(m.body) // kept as it is: nothing delivers it
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(m.body, &whole); err != nil {
		return nil, fault.E(opMessage, fault.Invalid, "the body is no JSON object", err).WithFix("the payload as the push service documents it")
	}
	if m.platform.form == "FcmV1" {
		return fromV1(m.body, whole, d)
	}
	return m.body, m.apple(whole["aps"], d)
}

// asString is any text as a JSON string, which the hub takes for the text in it.
func asString(body []byte) (json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, fault.E(opMessage, fault.Invalid, "the body is no text in UTF-8", nil).WithFix("write binary payloads as text, such as base64")
	}
	raw, err := json.Marshal(string(body))
	if err != nil {
		return nil, fault.E(opMessage, fault.Internal, "cannot keep the body", err)
	}
	return raw, nil
}

// pass hands headers on to the push service, if they are there.
func (m *message) pass(d *hub.Draft, names ...string) {
	for _, name := range names {
		if value := m.header.Get(name); value != "" {
			d.Headers[strings.ToLower(name)] = value
		}
	}
}

// fromV1 takes the message out of the request that Google documents around it.
func fromV1(body []byte, whole map[string]json.RawMessage, d *hub.Draft) (json.RawMessage, error) {
	inner := json.RawMessage(body)
	if m, ok := whole["message"]; ok && len(whole) == 1 {
		inner = m
	}
	var says struct {
		Notification json.RawMessage
		Android      struct {
			Priority    string
			CollapseKey string `json:"collapse_key"`
			TTL         string
		}
	}
	if err := json.Unmarshal(inner, &says); err != nil {
		return nil, fault.E(opMessage, fault.Invalid, "the body is no FCM v1 message", err).WithFix(`such as {"message": {"notification": {"title": "…"}}}`)
	}
	d.Priority = urgency(says.Android.Priority, says.Notification != nil)
	d.Collapse = says.Android.CollapseKey
	if ttl, err := time.ParseDuration(says.Android.TTL); err == nil {
		d.TTLSeconds = max(int(ttl.Seconds()), 1)
	}
	return inner, nil
}

// apple reads the headers that APNs has. A message that shows nothing goes out in
// the background, as the reference does when no push type is stated.
func (m *message) apple(aps json.RawMessage, d *hub.Draft) error {
	var says struct {
		Alert, Badge, Sound json.RawMessage
	}
	if len(aps) > 0 && json.Unmarshal(aps, &says) != nil {
		return fault.BadField(opMessage, "aps", "is no JSON object", `such as {"aps": {"alert": "…"}}`)
	}
	m.pass(d, "apns-topic", "apns-push-type", "apns-priority", "apns-collapse-id", "apns-expiration")
	if len(aps) > 0 && d.Headers["apns-push-type"] == "" && says.Alert == nil && says.Badge == nil && says.Sound == nil {
		d.PushType, d.Priority = "background", push.Normal
	}
	if text := m.header.Get("ServiceBusNotification-Apns-Expiry"); text != "" && d.Headers["apns-expiration"] == "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return fault.BadField(opMessage, "ServiceBusNotification-Apns-Expiry", "is no time", "such as 2026-12-31T18:00:00Z")
		}
		d.Headers["apns-expiration"] = strconv.FormatInt(at.Unix(), 10)
	}
	return nil
}

// direct addresses the draft to handles. Errors: fault.Invalid.
func (m *message) direct(d *hub.Draft, handles []json.RawMessage) error {
	d.Tags, d.Reach = "", hub.EachPhone
	for i, raw := range handles {
		t := hub.Target{Kind: m.platform.kind}
		if m.platform.service == push.WebPush {
			var c channel
			if err := json.Unmarshal(raw, &c); err != nil {
				return fault.BadField(opMessage, fmt.Sprintf("devices[%d]", i), "is no browser's subscription", `{"endpoint": "…", "p256dh": "…", "auth": "…"}`)
			}
			t.Handle, t.P256dh, t.Auth = c.Endpoint, c.P256dh, c.Auth
		} else if err := json.Unmarshal(raw, &t.Handle); err != nil {
			return fault.BadField(opMessage, fmt.Sprintf("devices[%d]", i), "is no text", "a handle as the device got it from its push service")
		}
		d.Targets = append(d.Targets, t)
	}
	return nil
}

// one is the handle of a direct send to one device, in the form of a batch's list.
func (m *message) one() ([]json.RawMessage, error) {
	handle := m.header.Get("ServiceBusNotification-DeviceHandle")
	if handle == "" {
		return nil, fault.BadField(opMessage, "ServiceBusNotification-DeviceHandle", "is missing", "the handle to send to")
	}
	var address any = handle
	if m.platform != nil && m.platform.service == push.WebPush {
		address = channel{handle, m.header.Get("P256DH"), m.header.Get("Auth")}
	}
	raw, err := json.Marshal(address)
	if err != nil {
		return nil, fault.E(opMessage, fault.Internal, "cannot read the handle", err)
	}
	return []json.RawMessage{raw}, nil
}
