package fcm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxTTL is the longest FCM keeps a message: four weeks.
const maxTTL = 28 * 24 * time.Hour

// compose completes the payload, an FCM v1 "message" object, with its target
// and what the Message says of time and urgency.
//
// A repeat must replace the first on the screen: that is the notification's
// tag. The collapse key stays for messages that ask for it, because FCM keeps
// only four keys a device and would drop a sleeping phone's older messages.
func compose(m *push.Message, now time.Time) (*messaging.Message, error) {
	msg := &messaging.Message{}
	if err := json.Unmarshal(unwrap(m.Payload), msg); err != nil {
		return nil, fmt.Errorf("fcm: message: %w", err)
	}
	msg.Topic, msg.Condition = "", ""
	address(msg, m.Handle)
	if msg.Android == nil {
		msg.Android = &messaging.AndroidConfig{}
	}
	a := msg.Android
	if m.Priority != "" {
		a.Priority = string(m.Priority)
	}
	if m.Collapse != "" {
		a.CollapseKey = m.Collapse
	}
	if !m.Expires.IsZero() {
		left := ttl(m.Expires, now)
		a.TTL = &left
	}
	if msg.Notification != nil && a.Notification == nil {
		a.Notification = &messaging.AndroidNotification{}
	}
	if a.Notification != nil && a.Notification.Tag == "" {
		a.Notification.Tag = m.ID
		if m.Collapse != "" {
			a.Notification.Tag = m.Collapse
		}
	}
	return msg, nil
}

// address makes h the message's only target.
func address(msg *messaging.Message, h push.Handle) {
	if msg.Token, msg.Fid = h.Value, ""; h.Kind == "fcm_fid" {
		msg.Token, msg.Fid = "", h.Value
	}
}

// ttl is how long FCM may keep a message, in whole seconds.
func ttl(expires, now time.Time) time.Duration {
	return max(0, min(expires.Sub(now), maxTTL)).Truncate(time.Second)
}

// Validate checks an FCM v1 "message" object, without a target and with or without
// the request around it, before anything is sent.
//
// Errors: fault.TooLarge if data and notification together exceed the limit,
// with both in bytes; fault.Invalid if it is no message or names a target.
func Validate(payload []byte) error {
	const op = "fcm.Validate"
	payload = unwrap(payload)
	var parts struct {
		Notification, Data           json.RawMessage
		Token, Fid, Topic, Condition string
	}
	if err := json.Unmarshal(payload, &parts); err != nil {
		return notMessage(op, err)
	}
	if parts.Token+parts.Fid+parts.Topic+parts.Condition != "" {
		return fault.BadField(op, "payload", "names a target", "leave out token, fid, topic and condition: the audience decides")
	}
	if err := wire.Fits(op, push.FCM, len(parts.Notification)+len(parts.Data)); err != nil {
		return err
	}
	msg := &messaging.Message{}
	if err := json.Unmarshal(payload, msg); err != nil {
		return notMessage(op, err)
	}
	return nil
}

// unwrap takes a whole request body, {"message": {…}}, as the message in it: that
// is how FCM's documentation and Azure's templates write it.
func unwrap(payload []byte) []byte {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{"))
	if !ok || !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"message"`)) {
		return payload // nearly always, and at no cost
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(payload, &body) != nil || len(body) != 1 {
		return payload
	}
	return body["message"]
}

func notMessage(op string, err error) error {
	e := fault.BadField(op, "payload", "is not an FCM v1 message", `write {"notification":{"title":"…"},"data":{"key":"text"}}; values in data are strings`)
	e.Err = err
	return e
}
