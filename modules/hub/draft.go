package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/apns"
	"github.com/usherhq/usher/modules/hub/push/fcm"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxTargets is how many handles one direct send may name (the reference's batch limit).
const maxTargets = 1000

// maxCollapse is the longest collapse key APNs takes, in bytes.
const maxCollapse = 64

// testDevices is how many installations a test send reaches.
const testDevices = 10

// Draft is a notification as a promoter asks for it: to whom, what, when.
//
// The audience is Tags (empty: everyone) or Targets. The content is Template
// (with Properties) or Native, one body per push service; with neither, it goes to
// exactly the templates that installations and registrations have of their own,
// each rendered with Properties.
//
// A native body is what the service takes: for APNs the JSON body, for FCM what stands
// inside the v1 "message" without a target, for Web Push any JSON, passed as it is. A
// JSON string stands for the text in it (Web Push, and platforms that are only stored).
type Draft struct {
	App      string         `json:"app,omitempty"`
	Tags     string         `json:"tags,omitempty"`
	Targets  []Target       `json:"targets,omitempty"`
	Services []push.Service `json:"services,omitempty"` // empty: all

	Template   string                           `json:"template,omitempty"`
	Properties map[string]any                   `json:"properties,omitempty"`
	Native     map[push.Service]json.RawMessage `json:"native,omitempty"`

	Reach   Reach             `json:"reach,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // for the push service, beside native bodies: apns-topic, ttl, urgency, …

	SendAt           *time.Time `json:"send_at,omitempty"`
	LocalTime        string     `json:"local_time,omitempty"` // wall clock of each recipient: "2026-12-31T18:00"
	SkipAfterMinutes int        `json:"skip_after_minutes,omitempty"`
	ExpiresAt        *time.Time `json:"expires_at,omitempty"`
	TTLSeconds       int        `json:"ttl_seconds,omitempty"`

	Priority push.Priority `json:"priority,omitempty"` // "high" (default) or "normal"
	Critical bool          `json:"critical,omitempty"` // passes quiet hours and frequency caps
	Collapse string        `json:"collapse,omitempty"`
	PushType string        `json:"push_type,omitempty"` // APNs only
	Test     bool          `json:"test,omitempty"`      // reach ten installations and wait for their outcomes

	// Personal is how many installations get it, each with properties of its own, such as
	// the code of a voucher: Usher's modules send so, nobody else.
	Personal int `json:"personal,omitempty"`

	own map[int64]map[string]any // by installation number
}

// Reach says which rows of a phone that is registered more than once a notification goes to.
type Reach string

// Reaches. What is rendered by the installations' own templates goes to each of
// their templates that the tags match, whatever the reach.
const (
	EachPhone  Reach = ""       // each handle once
	EachNative Reach = "native" // each registration that takes native messages, as the reference does
)

// Target is a handle of a direct send, with what rendering needs to know.
type Target struct {
	Kind   string `json:"kind"` // as Installation.Kind
	Handle string `json:"handle"`
	P256dh string `json:"p256dh,omitempty"`
	Auth   string `json:"auth,omitempty"`
	Locale string `json:"locale,omitempty"`
	Zone   string `json:"zone,omitempty"`
}

// serviceOfKind maps a handle's kind to its push service; "" for an unknown kind.
func serviceOfKind(kind string) push.Service {
	switch kind {
	case "apns":
		return push.APNs
	case "fcm_token", "fcm_fid":
		return push.FCM
	case "webpush":
		return push.WebPush
	case "wns", "mpns", "adm", "baidu":
		return push.Service(kind)
	}
	return ""
}

// validate checks the draft at now, reports every fault at once and fills in
// the defaults.
func (d *Draft) validate(now time.Time, expiry time.Duration) error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if d.Personal != 0 {
		bad("personal", "is for Usher itself", "leave it out")
	}
	d.validateAudience(bad)
	d.validateContent(bad)
	d.Headers = checkHeaders(bad, d.Headers)
	d.validateTimes(now, expiry, bad)
	switch d.Priority {
	case "":
		d.Priority = push.High
	case push.High, push.Normal:
	default:
		bad("priority", fmt.Sprintf("%q is unknown", d.Priority), `"high" or "normal"`)
	}
	if len(d.Collapse) > maxCollapse {
		bad("collapse", fmt.Sprintf("has %d bytes", len(d.Collapse)), fmt.Sprintf("at most %d, the limit of APNs", maxCollapse))
	}
	return fault.BadFields("hub.Send", f)
}

type complaint func(name, problem, fix string)

func (d *Draft) validateAudience(bad complaint) {
	if d.Tags != "" && len(d.Targets) > 0 {
		bad("targets", "stand beside tags", "send to a tag expression or to handles, not to both")
	}
	if _, err := tagexpr.Parse(d.Tags); err != nil {
		addFault(bad, "tags", err)
	}
	if len(d.Targets) > maxTargets {
		bad("targets", fmt.Sprintf("has %d handles", len(d.Targets)), fmt.Sprintf("at most %d; register installations to reach more", maxTargets))
	}
	for i, t := range d.Targets {
		if problem, fix := checkHandle(t.Kind, t.Handle, t.P256dh, t.Auth); problem != "" {
			bad(fmt.Sprintf("targets[%d].handle", i), problem, fix)
		}
	}
	for i, s := range d.Services {
		if serviceIndex(s) < 0 {
			bad(fmt.Sprintf("services[%d]", i), fmt.Sprintf("%q is unknown", s), serviceFix)
		}
	}
	if d.Reach != EachPhone && d.Reach != EachNative {
		bad("reach", fmt.Sprintf("%q is unknown", clip(string(d.Reach))), `"native", or leave it out`)
	}
}

func (d *Draft) validateContent(bad complaint) {
	if d.Native != nil && (d.Template != "" || d.Properties != nil) {
		bad("native", "stands beside template or properties", "send native bodies or a template, not both")
	}
	if len(d.Native) == 0 && d.Template == "" && d.Properties == nil {
		bad("template", "is missing, and so are properties and native", `such as "alert", with properties "title" and "body"`)
	}
	for s, body := range d.Native {
		checkNative(bad, s, body)
	}
	if _, err := template.NewProps(d.Properties); err != nil {
		addFault(bad, "properties", err)
	}
	if d.Template == "" && len(d.Targets) > 0 && d.Native == nil {
		bad("template", "is missing", "a handle has no template of its own: name one, or send native bodies")
	}
}

// formOf is what a service asks of a native body, so that one it would refuse is refused
// before it goes to everybody.
var formOf = map[push.Service]func(body []byte) error{push.APNs: apns.Validate, push.FCM: fcm.Validate}

func checkNative(bad complaint, s push.Service, body json.RawMessage) {
	name := "native." + clip(string(s))
	if serviceIndex(s) < 0 {
		bad(name, "is no push service", serviceFix)
		return
	}
	if !json.Valid(body) {
		bad(name, "is no JSON", "a JSON value; write other text as a JSON string")
		return
	}
	text := nativeText(s, body)
	if size := len(text); size > s.MaxPayload() {
		bad(name, fmt.Sprintf("has %d bytes", size), fmt.Sprintf("at most %d bytes", s.MaxPayload()))
	} else if check := formOf[s]; check != nil {
		if err := check(text); err != nil {
			addFault(func(_, problem, fix string) { bad(name, problem, fix) }, name, err)
		}
	}
}

func (d *Draft) validateTimes(now time.Time, expiry time.Duration, bad complaint) {
	if d.SendAt != nil && d.LocalTime != "" {
		bad("local_time", "stands beside send_at", "one instant for all, or each recipient's own clock")
	}
	start := now
	if d.SendAt != nil && d.SendAt.After(now) {
		start = *d.SendAt
	}
	if d.LocalTime != "" {
		utc, err := localInstant(d.LocalTime, time.UTC)
		if err != nil {
			addFault(bad, "local_time", err)
		} else if utc.Add(earliestZone).After(start) {
			start = utc.Add(earliestZone) // the last zones come 12 hours after UTC
		}
	}
	if d.SkipAfterMinutes < 0 {
		bad("skip_after_minutes", "is negative", "minutes after which a late delivery is left out; 0: never")
	}
	switch {
	case d.TTLSeconds < 0:
		bad("ttl_seconds", "is negative", "seconds of validity after the send")
	case d.TTLSeconds > 0 && d.ExpiresAt != nil:
		bad("ttl_seconds", "stands beside expires_at", "state one of the two")
	case d.TTLSeconds > 0:
		at := start.Add(time.Duration(d.TTLSeconds) * time.Second)
		d.ExpiresAt = &at
	case d.ExpiresAt == nil:
		at := start.Add(expiry)
		d.ExpiresAt = &at
	case !d.ExpiresAt.After(start):
		bad("expires_at", "is not after the send", "a later time, or leave it out")
	}
	d.TTLSeconds = 0
}

// addFault takes over the fields of a validator's error, or its message.
func addFault(bad complaint, name string, err error) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) == 0 {
		bad(name, err.Error(), "")
		return
	}
	for _, f := range e.Fields {
		bad(f.Name, f.Problem, f.Fix)
	}
}

// ownTemplates reports whether the content is what installations have as templates of their own.
func (d *Draft) ownTemplates() bool { return d.Template == "" && len(d.Native) == 0 }

// everyService lists the push services, and after them the platforms that are only stored.
var everyService = slices.Concat(push.Services, push.StoredOnly)

const serviceFix = `"apns", "fcm" or "webpush"; "wns", "mpns", "adm" and "baidu" are stored only`

// serviceIndex is the service's place in everyService; -1 for an unknown one.
func serviceIndex(s push.Service) int { return slices.Index(everyService, s) }

// delivers reports whether messages can go out to s.
func delivers(s push.Service) bool { return slices.Contains(push.Services, s) }
