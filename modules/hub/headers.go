package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Limits of the headers beside one body.
const (
	maxHeaders = 20
	maxHeader  = 256 // bytes of one value
)

// header turns one value into the field of a message it stands for.
type header func(m *push.Message, value string, now time.Time) error

// headersOf are the headers each push service knows. Others are kept and ignored: an
// app that comes from elsewhere sends many that have no meaning here.
// Sources: Apple, "Sending notification requests to APNs"; RFC 8030, 5.2 to 5.4.
var headersOf = map[push.Service]map[string]header{
	push.APNs: {
		"apns-topic":       func(m *push.Message, v string, _ time.Time) error { m.Topic = v; return nil },
		"apns-push-type":   func(m *push.Message, v string, _ time.Time) error { m.PushType = v; return nil },
		"apns-collapse-id": collapseBy,
		"apns-priority":    apnsPriority,
		"apns-expiration":  apnsExpiration,
	},
	push.WebPush: {"topic": collapseBy, "urgency": urgency, "ttl": timeToLive},
}

func collapseBy(m *push.Message, v string, _ time.Time) error {
	if len(v) > maxCollapse {
		return fmt.Errorf("has %d bytes; at most %d", len(v), maxCollapse)
	}
	m.Collapse = v
	return nil
}

// apnsPriority: 10 wakes the phone; 5 and 1 spare its battery.
func apnsPriority(m *push.Message, v string, _ time.Time) error {
	switch v {
	case "10":
		m.Priority = push.High
	case "5", "1":
		m.Priority = push.Normal
	default:
		return fmt.Errorf("%q is no priority; 10, 5 or 1", clip(v))
	}
	return nil
}

// apnsExpiration is in seconds since 1970; 0 asks for one try at once.
func apnsExpiration(m *push.Message, v string, _ time.Time) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return fmt.Errorf("%q is no time in seconds since 1970", clip(v))
	}
	m.Expires = time.Unix(n, 0)
	return nil
}

func urgency(m *push.Message, v string, _ time.Time) error {
	switch strings.ToLower(v) {
	case "high":
		m.Priority = push.High
	case "very-low", "low", "normal":
		m.Priority = push.Normal
	default:
		return fmt.Errorf("%q is no urgency; very-low, low, normal or high", clip(v))
	}
	return nil
}

func timeToLive(m *push.Message, v string, now time.Time) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > 1<<31 {
		return fmt.Errorf("%q is no number of seconds", clip(v))
	}
	m.Expires = now.Add(time.Duration(n) * time.Second)
	return nil
}

// setHeader applies one header to a message; a name the service does not know is ignored.
func setHeader(m *push.Message, service push.Service, name, value string, now time.Time) error {
	set := headersOf[service][strings.ToLower(name)]
	if set == nil {
		return nil
	}
	var err error
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		err = errors.New("has a character that no header may have") // it may come from a property
	} else {
		err = set(m, value, now)
	}
	if err != nil {
		return fault.E("hub.render", fault.Invalid, fmt.Sprintf("header %s: %s", strings.ToLower(name), err), nil)
	}
	return nil
}

// checkHeaders gives a draft's headers with their names in lower case. A value that no
// service can take is a fault.
func checkHeaders(bad complaint, headers map[string]string) map[string]string {
	if len(headers) == 0 {
		return nil
	}
	out := make(map[string]string, len(headers))
	checkHeaderSizes(bad, "headers", headers)
	for name, value := range headers {
		lower := strings.ToLower(name)
		if _, twice := out[lower]; twice {
			bad("headers."+clip(lower), "stands twice, in different case", "keep one")
		}
		out[lower] = value
		for service := range headersOf {
			if err := setHeader(&push.Message{}, service, lower, value, time.Time{}); err != nil {
				bad("headers."+clip(lower), strings.TrimPrefix(fault.Message(err), "header "+lower+": "), "what the push service takes, or leave it out")
			}
		}
	}
	return out
}

// checkHeaderSizes keeps out what no push service would take.
func checkHeaderSizes(bad complaint, field string, headers map[string]string) {
	if len(headers) > maxHeaders {
		bad(field, fmt.Sprintf("has %d", len(headers)), fmt.Sprintf("at most %d", maxHeaders))
	}
	for name, value := range headers {
		switch {
		case name == "" || len(name) > 64:
			bad(field, fmt.Sprintf("%q is no header name", clip(name)), "1 to 64 characters")
		case len(value) > maxHeader || strings.ContainsAny(value, "\x00\r\n"):
			bad(field+"."+clip(name), "is too long or has a line end", fmt.Sprintf("at most %d bytes in one line", maxHeader))
		}
	}
}

// parseHeaders compiles a template's headers, whose values may be expressions; nil when
// there are none. Errors: fault.Invalid, whose fields begin with "headers".
func parseHeaders(headers map[string]string) (*template.Template, error) {
	if len(headers) == 0 {
		return nil, nil
	}
	object, err := json.Marshal(headers)
	if err != nil {
		return nil, fault.E("hub.template", fault.Internal, "cannot write the headers", err)
	}
	t, err := template.Parse(object)
	if err == nil {
		return t, nil
	}
	fields := slices.Clone(fieldsOf(err, "headers"))
	for i := range fields {
		fields[i].Name = "headers" + strings.TrimPrefix(fields[i].Name, "body")
	}
	return nil, fault.BadFields("hub.template", fields)
}

// address puts a message's headers on it: those of the draft, then those of the
// installation's own template, which know better. Errors: fault.Invalid for a value that
// the service does not take.
func (l *letter) address(m *push.Message, rc *recipient, r *reader, now time.Time) error {
	for name, value := range l.draft.Headers {
		if err := setHeader(m, rc.service, name, value, now); err != nil {
			return err
		}
	}
	if !l.draft.ownTemplates() || headersOf[rc.service] == nil {
		return nil
	}
	own, err := l.ownForm(rc.templates, "")
	if err != nil || own.headers == nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(own.headers.Append(nil, r.view, rc.attribute())))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return fault.E("hub.render", fault.Internal, "the rendered headers do not parse", err)
	}
	for name, value := range values {
		if err := setHeader(m, rc.service, name, fmt.Sprint(value), now); err != nil {
			return err
		}
	}
	return nil
}
