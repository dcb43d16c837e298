package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Limits of one installation.
const (
	maxAttributes = 20
	maxAttribute  = 256 // bytes of one value
	maxTemplates  = 10
	maxTemplate   = 16 << 10 // bytes of one body
)

// serverTags are the beginnings of tags that the hub alone assigns, so that no
// device can subscribe to somebody else.
var serverTags = []string{"user:", "role:", "$"}

// validate reports every fault at once and brings the installation into the one
// form the store compares: defaults filled in, tags in lower case and sorted.
// knownZone is validZone, or a cache of it.
func (in *Installation) validate(knownZone func(string) bool) error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if in.ID == "" {
		bad("id", "is missing", "a name for the installation that stays the same, such as a UUID kept on the device")
	} else if tagexpr.ValidTag("$InstallationId:{"+in.ID+"}") != nil {
		bad("id", fmt.Sprintf("%q is no installation id", clip(in.ID)), "1 to 102 letters, digits or _-@#.:=, such as a UUID")
	}
	in.checkAddress(bad)
	in.checkReader(bad, knownZone)
	in.Tags = checkTags(bad, "tags", in.Tags)
	in.checkAttributes(bad)
	in.checkTemplates(bad)
	return fault.BadFields("hub.PutInstallation", f)
}

func (in *Installation) checkAddress(bad complaint) {
	if in.Kind == "" {
		in.Kind = string(in.Service)
		if in.Service == push.FCM {
			in.Kind = "fcm_token"
		}
	}
	service := serviceOfKind(in.Kind)
	if in.Service != "" && service != "" && in.Service != service {
		bad("service", fmt.Sprintf("%q does not go with kind %q", in.Service, in.Kind), "leave service out: it follows from kind")
	}
	in.Service = service
	if in.Kind == "apns" {
		in.Handle = strings.ToLower(in.Handle) // hexadecimal: one device, one spelling
	}
	if problem, fix := checkHandle(in.Kind, in.Handle, in.P256dh, in.Auth); problem != "" {
		bad("handle", problem, fix)
	}
	if service != push.WebPush && in.P256dh+in.Auth != "" {
		bad("p256dh", "and auth belong to Web Push alone", "leave them out")
	}
	if in.Topic != "" && service != push.APNs {
		bad("topic", "belongs to APNs alone", "leave it out")
	} else if len(in.Topic) > 200 || strings.Trim(in.Topic, topicBytes) != "" {
		bad("topic", "is no bundle id", `such as "org.example.festival"`)
	}
}

const topicBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// checkReader looks at what rendering for this device's reader depends on.
func (in *Installation) checkReader(bad complaint, knownZone func(string) bool) {
	if in.User != "" && tagexpr.ValidTag("user:"+in.User) != nil {
		bad("user", fmt.Sprintf("%q is no user id", clip(in.User)), "1 to 115 letters, digits or _-@#.:")
	}
	if in.Locale != "" {
		in.Locale = checkLocale(bad, in.Locale)
	}
	if in.Zone != "" && !knownZone(in.Zone) {
		bad("zone", fmt.Sprintf("%q is no time zone", clip(in.Zone)), zoneFix)
	}
	if in.Currency != "" {
		in.Currency = checkCurrency(bad, in.Currency)
	}
	if in.Units != "" && in.Units != "metric" && in.Units != "imperial" {
		bad("units", fmt.Sprintf("%q is unknown", clip(in.Units)), `"metric" or "imperial", or leave it out`)
	}
	checkQuiet(bad, in.Quiet)
	if in.ExpiresAt != nil {
		at := in.ExpiresAt.UTC().Truncate(time.Microsecond)
		if at.Year() < 2000 || at.Year() > 9999 {
			bad("expires_at", "is out of range", "a time from 2000 to 9999, such as \"2027-01-31T00:00:00Z\"")
		}
		in.ExpiresAt = &at
	}
}

// checkTags gives tags in lower case, sorted, each once.
func checkTags(bad complaint, field string, given []string) []string {
	if len(given) > tagexpr.MaxTags {
		bad(field, fmt.Sprintf("has %d tags", len(given)), fmt.Sprintf("at most %d", tagexpr.MaxTags))
		return nil
	}
	if len(given) == 0 {
		return nil
	}
	tags := make([]string, 0, len(given))
	for i, t := range given {
		name := fmt.Sprintf("%s[%d]", field, i)
		t = tagexpr.Normal(t)
		if slices.ContainsFunc(serverTags, func(p string) bool { return strings.HasPrefix(t, p) }) {
			bad(name, fmt.Sprintf("%q is assigned by the hub alone", clip(t)), "leave it out; set the field user instead of a user: tag")
		} else if err := tagexpr.ValidTag(t); err != nil {
			bad(name, fieldsOf(err, name)[0].Problem, fieldsOf(err, name)[0].Fix)
		}
		tags = append(tags, t)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// allTags is what the store keeps: the installation's tags and the hub's own.
func (in *Installation) allTags() []string {
	if in.User == "" {
		return in.Tags
	}
	own := "user:" + tagexpr.Normal(in.User)
	at, _ := slices.BinarySearch(in.Tags, own)
	return slices.Insert(slices.Clone(in.Tags), at, own)
}

// checkAttributes keeps names in lower case: templates compare them without case.
func (in *Installation) checkAttributes(bad complaint) {
	if len(in.Props) > maxAttributes {
		bad("attributes", fmt.Sprintf("has %d", len(in.Props)), fmt.Sprintf("at most %d", maxAttributes))
		return
	}
	var props map[string]json.RawMessage
	if len(in.Props) > 0 {
		props = make(map[string]json.RawMessage, len(in.Props))
	}
	for name, raw := range in.Props {
		field, lower := "attributes."+clip(name), strings.ToLower(name)
		if !validProperty(name) {
			bad(field, "is no property name", "1 to 120 letters, digits or _")
		} else if props[lower] != nil {
			bad(field, "stands twice, in different case", "names are compared without case: keep one")
		}
		value, problem, fix := checkAttribute(raw)
		if problem != "" {
			bad(field, problem, fix)
		}
		props[lower] = value
	}
	in.Props = props
}

// checkAttribute gives a plain value in a form that jsonb takes: it refuses NUL,
// half surrogates and numbers that run over.
func checkAttribute(raw json.RawMessage) (value json.RawMessage, problem, fix string) {
	if len(raw) > maxAttribute {
		return nil, fmt.Sprintf("has %d bytes", len(raw)), fmt.Sprintf("at most %d", maxAttribute)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, "is no number that can be kept", "a number between -1e308 and 1e308"
	}
	switch v := v.(type) {
	case bool:
		return raw, "", ""
	case float64:
		if !bytes.ContainsAny(raw, "eE") {
			return raw, "", "" // all its digits
		}
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, "holds a NUL character", "leave it out"
		}
	default:
		return nil, "is no string, number or boolean", "one plain value"
	}
	value, err := json.Marshal(v)
	if err != nil {
		return nil, "cannot be kept", "one plain value"
	}
	return value, "", ""
}

func (in *Installation) checkTemplates(bad complaint) {
	if len(in.Templates) > maxTemplates {
		bad("templates", fmt.Sprintf("has %d", len(in.Templates)), fmt.Sprintf("at most %d", maxTemplates))
	}
	if len(in.Templates) == 0 {
		in.Templates = nil
		return
	}
	checked := make(map[string]Template, len(in.Templates))
	for name, t := range in.Templates {
		field := "templates." + clip(name)
		if !templateName.MatchString(name) {
			bad(field, "is no template name", templateNameFix)
		}
		checkTemplate(bad, field, &t)
		checked[name] = t
	}
	in.Templates = checked
}

// checkTemplate looks at one template and brings its tags into the form the store compares.
func checkTemplate(bad complaint, field string, t *Template) {
	faults := func(err error) {
		for _, p := range fieldsOf(err, "body") {
			bad(field+"."+p.Name, p.Problem, p.Fix)
		}
	}
	if _, err := parseBody(t.Body); err != nil {
		faults(err)
	}
	checkHeaderSizes(bad, field+".headers", t.Headers)
	if _, err := parseHeaders(t.Headers); err != nil {
		faults(err)
	}
	t.Tags = checkTags(bad, field+".tags", t.Tags)
}

// parseBody checks a template's text beyond what the language asks: its size, and
// characters PostgreSQL cannot keep.
func parseBody(b Body) (*template.Template, error) {
	const op = "hub.template"
	if len(b) > maxTemplate {
		return nil, fault.BadField(op, "body", fmt.Sprintf("has %d bytes", len(b)), fmt.Sprintf("at most %d", maxTemplate))
	}
	if strings.ContainsRune(string(b), 0) {
		return nil, fault.BadField(op, "body", "holds a NUL character", "leave it out")
	}
	return template.Parse([]byte(b))
}

// fieldsOf are the input fields an error names; name stands for the whole when it
// names none.
func fieldsOf(err error, name string) []fault.Field {
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return []fault.Field{{Name: name, Problem: err.Error()}}
	case len(e.Fields) == 0:
		return []fault.Field{{Name: name, Problem: e.Message, Fix: e.Fix}}
	}
	return e.Fields
}

// validProperty reports whether name can stand in a template expression.
func validProperty(name string) bool {
	if len(name) < 1 || len(name) > 120 {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// clip keeps a caller's long text out of messages.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
