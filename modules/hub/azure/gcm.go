package azure

import (
	"encoding/json"
	"fmt"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// legacy is a message in the form that Google's servers took until June 2024 and
// back ends still write. Source: "Migrate from legacy FCM APIs to HTTP v1".
type legacy struct {
	Data         map[string]any             `json:"data"`
	Notification map[string]json.RawMessage `json:"notification"`
	Priority     string                     `json:"priority"`
	CollapseKey  string                     `json:"collapse_key"`
	TimeToLive   *int                       `json:"time_to_live"`
	Package      string                     `json:"restricted_package_name"`
}

// shown are the members of a legacy notification that all platforms have; the rest
// is Android's own, two of them under another name.
var shown = map[string]bool{"title": true, "body": true, "image": true}

var renamed = map[string]string{"android_channel_id": "channel_id"}

// lists are Android's members that legacy messages may write as texts.
var lists = map[string]bool{"body_loc_args": true, "title_loc_args": true}

// fromLegacy turns a legacy body into an FCM v1 message and sets what a draft says
// of it. Errors: fault.Invalid.
func fromLegacy(body []byte, d *hub.Draft) (json.RawMessage, error) {
	const op = "azure.GCM"
	var in legacy
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fault.E(op, fault.Invalid, "the body is no message in GCM's form", err).WithFix(`such as {"data": {"message": "…"}}`)
	}
	if len(in.Data)+len(in.Notification) == 0 {
		return nil, fault.E(op, fault.Invalid, "the body has neither data nor notification", nil).WithFix(`such as {"data": {"message": "…"}}`)
	}
	out := map[string]any{}
	if len(in.Data) > 0 {
		data := map[string]string{}
		for name, value := range in.Data {
			data[name] = asText(value)
		}
		out["data"] = data
	}
	android := map[string]any{}
	if in.Package != "" {
		android["restricted_package_name"] = in.Package
	}
	if err := splitNotification(in.Notification, out, android); err != nil {
		return nil, err
	}
	if len(android) > 0 {
		out["android"] = android
	}
	d.Collapse = in.CollapseKey
	if in.TimeToLive != nil {
		d.TTLSeconds = max(*in.TimeToLive, 1)
	}
	d.Priority = urgency(in.Priority, len(in.Notification) > 0)
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot write the message", err)
	}
	return raw, nil
}

// urgency is FCM's rule: what is shown wakes the phone, plain data may wait, unless
// the message says otherwise.
func urgency(said string, shows bool) push.Priority {
	switch {
	case said == "high" || said == "HIGH":
		return push.High
	case said == "" && shows:
		return push.High
	}
	return push.Normal
}

func splitNotification(in map[string]json.RawMessage, out, android map[string]any) error {
	common, own := map[string]any{}, map[string]any{}
	for name, raw := range in {
		var value any = raw
		if text := ""; lists[name] && json.Unmarshal(raw, &text) == nil {
			var list []string
			if json.Unmarshal([]byte(text), &list) != nil {
				return fault.BadField("azure.GCM", "notification."+name, "is no list of texts", `such as ["Ana"]`)
			}
			value = list
		}
		if shown[name] {
			common[name] = value
			continue
		}
		if now, ok := renamed[name]; ok {
			name = now
		}
		if name != "badge" { // Apple's: nothing on Android reads it
			own[name] = value
		}
	}
	if len(common) > 0 {
		out["notification"] = common
	}
	if len(own) > 0 {
		android["notification"] = own
	}
	return nil
}

// asText is a value as FCM v1 wants data: a text.
func asText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case nil:
		return ""
	case float64:
		return fmt.Sprint(v)
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}
