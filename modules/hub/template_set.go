package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// TemplateSet is a server-side template: one name, a body for each push service
// and locale. A reader gets the nearest: de-CH, de, then default.
type TemplateSet struct {
	App       string                           `json:"app"`
	Name      string                           `json:"name"`
	Bodies    map[push.Service]map[string]Body `json:"bodies"` // by service, then by locale or "default"
	UpdatedAt time.Time                        `json:"updated_at,omitzero"`
	Warnings  []string                         `json:"warnings,omitempty"` // allowed but probably not meant
}

// defaultLocale is the body for everyone without a nearer one.
const defaultLocale = "default"

// maxBodies bounds the bodies of one set, over all services.
const maxBodies = 300

var templateName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,120}$`)

const templateNameFix = `1 to 120 letters, digits or one of _.-`

// validate reports every fault at once, brings locales into lower case, and
// collects warnings.
func (t *TemplateSet) validate() error {
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	if !templateName.MatchString(t.Name) {
		bad("name", fmt.Sprintf("%q is no template name", clip(t.Name)), templateNameFix)
	}
	t.Warnings = nil
	count := 0
	for _, service := range slices.Sorted(maps.Keys(t.Bodies)) {
		if !delivers(service) {
			bad("bodies."+clip(string(service)), "is no push service", `"apns", "fcm" or "webpush"`)
			continue
		}
		t.Bodies[service] = t.checkLocales(bad, service)
		count += len(t.Bodies[service])
	}
	if len(f) == 0 && (count == 0 || count > maxBodies) {
		bad("bodies", fmt.Sprintf("has %d", count), fmt.Sprintf(`1 to %d, such as {"apns": {"default": {"aps": {"alert": "$(message)"}}}}`, maxBodies))
	}
	return fault.BadFields("hub.PutTemplate", f)
}

func (t *TemplateSet) checkLocales(bad complaint, service push.Service) map[string]Body {
	out := make(map[string]Body, len(t.Bodies[service]))
	for _, locale := range slices.Sorted(maps.Keys(t.Bodies[service])) {
		body, path := t.Bodies[service][locale], fmt.Sprintf("bodies.%s.%s", service, clip(locale))
		name := locale
		if locale != defaultLocale {
			name = strings.ToLower(checkLocale(func(_, problem, fix string) { bad(path, problem, fix) }, locale))
		}
		if _, twice := out[name]; twice {
			bad(path, "stands twice, spelt differently", "keep one")
		}
		out[name] = body
		parsed, err := parseBody(body)
		if err != nil {
			for _, p := range fieldsOf(err, "body") {
				bad(path+strings.TrimPrefix(p.Name, "body"), p.Problem, p.Fix)
			}
			continue
		}
		if service == push.FCM {
			checkFCMBody(bad, path, body)
		}
		for _, w := range parsed.Warnings() {
			t.Warnings = append(t.Warnings, path+": "+w)
		}
	}
	if _, ok := out[defaultLocale]; !ok && len(out) > 0 {
		t.Warnings = append(t.Warnings, fmt.Sprintf("bodies.%s: has no %q; readers of other languages get nothing", service, defaultLocale))
	}
	return out
}

// checkFCMBody refuses a target: the hub sets it for each installation.
func checkFCMBody(bad complaint, path string, body Body) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &fields) != nil {
		bad(path, "is no JSON object", `the FCM v1 message without a target, such as {"notification": {"title": "$(title)"}}`)
	}
	for _, target := range []string{"message", "token", "topic", "condition", "fid"} {
		if _, ok := fields[target]; ok {
			bad(path+"."+target, "does not belong here", "write what stands inside the FCM v1 message; the hub adds the target")
		}
	}
}

// builtIn are the templates there are without storing any. A body of the same
// name that is stored takes their place.
var builtIn = map[string]map[push.Service]Body{
	"alert": {
		push.APNs: `{"aps":{"alert":{"title":"$(title)","body":"$(body)"},"badge":"#(badge:{0})","sound":"default","mutable-content":1},` +
			`"url":"$(url)","image":"$(image)"}`,
		push.FCM:     `{"notification":{"title":"$(title)","body":"$(body)"},"data":{"url":"$(url)","image":"$(image)","badge":"$(badge)"}}`,
		push.WebPush: `{"title":"$(title)","body":"$(body)","url":"$(url)","image":"$(image)","badge":"#(badge:{0})"}`,
	},
	// What a venue gives a person for some minutes; the app shows the code as a QR code.
	"voucher": {
		push.APNs: `{"aps":{"alert":{"title":"$(title)","body":"$(body)"},"sound":"default","interruption-level":"time-sensitive","mutable-content":1},` +
			`"voucher":"$(voucher)","code":"$(code)","stall":"$(stall)","valid_until":"$(valid_until)"}`,
		push.FCM: `{"notification":{"title":"$(title)","body":"$(body)"},` +
			`"data":{"voucher":"$(voucher)","code":"$(code)","stall":"$(stall)","valid_until":"$(valid_until)"}}`,
		push.WebPush: `{"title":"$(title)","body":"$(body)","voucher":"$(voucher)","code":"$(code)","stall":"$(stall)","valid_until":"$(valid_until)"}`,
	},
}

// PutTemplate makes or replaces a template with all its bodies.
// Errors: fault.Invalid with every fault, fault.NotFound (the app).
func (s *Service) PutTemplate(ctx context.Context, t TemplateSet) (TemplateSet, bool, error) {
	var err error
	if t.App, err = s.appOf(ctx, t.App); err != nil {
		return t, false, err
	}
	if err := t.validate(); err != nil {
		return t, false, err
	}
	var created bool
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		t.UpdatedAt = tx.Now()
		created, err = replaceTemplate(tx, t)
		return err
	})
	return t, created, err
}

// Template finds one; a built-in one too. Errors: fault.NotFound.
func (s *Service) Template(ctx context.Context, app, name string) (TemplateSet, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return TemplateSet{}, err
	}
	sets, err := s.findTemplates(ctx, app, name)
	if err != nil {
		return TemplateSet{}, err
	}
	if len(sets) > 0 {
		return sets[0], nil
	}
	if set, ok := builtInSet(app, name); ok {
		return set, nil
	}
	return TemplateSet{}, noTemplate(app, name)
}

// Templates lists those stored for an app, and the built-in ones they do not replace.
func (s *Service) Templates(ctx context.Context, app string) ([]TemplateSet, error) {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return nil, err
	}
	sets, err := s.findTemplates(ctx, app, "")
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(builtIn)) {
		if !slices.ContainsFunc(sets, func(t TemplateSet) bool { return t.Name == name }) {
			set, _ := builtInSet(app, name)
			sets = append(sets, set)
		}
	}
	return sets, nil
}

// DeleteTemplate forgets one that is stored. Errors: fault.NotFound.
func (s *Service) DeleteTemplate(ctx context.Context, app, name string) error {
	app, err := s.appOf(ctx, app)
	if err != nil {
		return err
	}
	return s.removeTemplate(ctx, app, name)
}

// templateBodies gives the bodies of a template by service and locale (lower case,
// or "default"). Errors: fault.NotFound.
func (s *Service) templateBodies(ctx context.Context, app, name string) (map[push.Service]map[string]string, error) {
	set, err := s.Template(ctx, app, name)
	if err != nil {
		return nil, err
	}
	out := make(map[push.Service]map[string]string, len(set.Bodies))
	for service, bodies := range set.Bodies {
		out[service] = make(map[string]string, len(bodies))
		for locale, body := range bodies {
			out[service][locale] = string(body)
		}
	}
	return out, nil
}

func builtInSet(app, name string) (TemplateSet, bool) {
	bodies, ok := builtIn[name]
	set := TemplateSet{App: app, Name: name, Bodies: make(map[push.Service]map[string]Body, len(bodies))}
	for service, body := range bodies {
		set.Bodies[service] = map[string]Body{defaultLocale: body}
	}
	return set, ok
}

func noTemplate(app, name string) *fault.Error {
	return fault.E("hub.Template", fault.NotFound, fmt.Sprintf("app %q has no template %q", app, clip(name)), nil).
		WithFix("store one with PUT /v1/templates/:name, or use the built-in \"alert\"")
}
