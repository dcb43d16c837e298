package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A letter is a notification made ready to render: templates compiled, properties
// resolved per reader. One letter serves every chunk of its notification at once.
type letter struct {
	app      App
	quiet    quietSpan // of installations that state none
	draft    Draft
	native   map[push.Service][]byte
	props    *template.Props
	personal map[int64]*template.Props                      // by installation number
	bodies   map[push.Service]map[string]*template.Template // by locale or "default"

	mu      sync.RWMutex
	readers map[readerKey]*reader
	own     map[string]*ownForm // installations' own templates, by what the row holds
}

// readerKey is what rendering depends on besides the installation's attributes.
type readerKey struct{ locale, zone, currency, units string }

// reader is a readerKey resolved: the view of the properties, the fallback
// chain of its locale, its time zone.
type reader struct {
	view   *template.View
	chain  []string
	zone   *time.Location
	locale string // what the tally calls it
}

// maxOwn bounds the cache of installations' own templates.
const maxOwn = 4096

// newLetter compiles a draft. bodies holds the named server-side template by
// service and locale; it is nil for native sends and installations' own templates.
func newLetter(app App, d Draft, bodies map[push.Service]map[string]string) (*letter, error) {
	l := &letter{app: app, quiet: app.quietSpan(), draft: d, native: nativeTexts(d.Native), readers: map[readerKey]*reader{}, own: map[string]*ownForm{}}
	var err error
	if l.props, err = template.NewProps(d.Properties); err != nil {
		return nil, err
	}
	if l.personal, err = ownProps(&d); err != nil {
		return nil, err
	}
	l.bodies = make(map[push.Service]map[string]*template.Template, len(bodies))
	for service, byLocale := range bodies {
		l.bodies[service] = make(map[string]*template.Template, len(byLocale))
		for locale, body := range byLocale {
			t, err := template.Parse([]byte(body))
			if err != nil {
				return nil, err
			}
			l.bodies[service][locale] = t
		}
	}
	return l, nil
}

// reader finds or makes the reader of a recipient.
func (l *letter) reader(rc *recipient) *reader {
	key := readerKey{rc.locale, rc.zone, rc.currency, rc.units}
	if own := l.personal[rc.no]; own != nil {
		return l.newReader(key, own)
	}
	l.mu.RLock()
	r := l.readers[key]
	l.mu.RUnlock()
	if r != nil {
		return r
	}
	r = l.newReader(key, l.props)
	l.mu.Lock()
	l.readers[key] = r
	l.mu.Unlock()
	return r
}

func (l *letter) newReader(k readerKey, props *template.Props) *reader {
	locale, zone, currency := orElse(k.locale, l.app.Locale), zoneOf(orElse(k.zone, l.app.Zone)), orElse(k.currency, l.app.Currency)
	return &reader{
		view:   props.For(template.Reader{Locale: locale, Currency: currency, Units: k.units, Zone: zone}),
		chain:  template.Fallback(locale),
		zone:   zone,
		locale: strings.ToLower(locale),
	}
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// body picks the template for a recipient: the named server-side one in the best
// locale, else the installation's own. Errors: fault.Invalid when there is none.
func (l *letter) body(rc *recipient, r *reader) (*template.Template, error) {
	const op = "hub.render"
	if l.draft.Template != "" {
		byLocale := l.bodies[rc.service]
		for _, locale := range r.chain {
			if t := byLocale[locale]; t != nil {
				return t, nil
			}
		}
		if len(rc.templates) == 0 {
			return nil, fault.E(op, fault.Invalid, fmt.Sprintf("template %q has no body for %s in %s", l.draft.Template, rc.service, r.locale), nil).
				WithFix(`add one for the locale or for "default"`)
		}
	}
	own, err := l.ownForm(rc.templates, l.draft.Template)
	if err != nil {
		return nil, err
	}
	return own.body, nil
}

// ownForm is an installation's own template, compiled.
type ownForm struct{ body, headers *template.Template }

// ownForm compiles the template named name of an installation; with no name, the only
// one. Errors: fault.Invalid when there is none.
func (l *letter) ownForm(templates []byte, name string) (*ownForm, error) {
	const op = "hub.render"
	key := string(templates) + "\x00" + name
	l.mu.RLock()
	form := l.own[key]
	l.mu.RUnlock()
	if form != nil {
		return form, nil
	}
	t, ok := ownTemplate(templates, name)
	if !ok {
		return nil, fault.E(op, fault.Invalid, "the installation has no template of its own", nil).
			WithFix("register it with a template, or name a server-side one")
	}
	form = new(ownForm)
	var err error
	if form.body, err = template.Parse([]byte(t.Body)); err != nil {
		return nil, err
	}
	if form.headers, err = parseHeaders(t.Headers); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.own) < maxOwn {
		l.own[key] = form
	}
	return form, nil
}

// ownTemplate finds a template by its name; with no name, the only one there is.
func ownTemplate(templates []byte, name string) (Template, bool) {
	var all map[string]Template
	if len(templates) == 0 || json.Unmarshal(templates, &all) != nil {
		return Template{}, false
	}
	if name == "" && len(all) == 1 {
		for only := range all {
			name = only
		}
	}
	t, ok := all[name]
	return t, ok
}

// render appends the message for rc to dst. Errors: fault.Invalid when no
// template fits, fault.TooLarge when the result exceeds the service's limit.
func (l *letter) render(dst []byte, rc *recipient, r *reader) ([]byte, error) {
	start := len(dst)
	if native, ok := l.native[rc.service]; ok {
		dst = append(dst, native...)
	} else if l.native != nil {
		return dst, fault.E("hub.render", fault.Invalid, "the notification has no native body for "+string(rc.service), nil)
	} else {
		t, err := l.body(rc, r)
		if err != nil {
			return dst, err
		}
		dst = t.Append(dst, r.view, rc.attribute())
	}
	if size, limit := len(dst)-start, rc.service.MaxPayload(); size > limit {
		return dst, tooLarge(rc.service, r.locale, size)
	}
	return dst, nil
}

// nativeText is a native body as it goes out: JSON without the spaces between its tokens,
// which the database makes, and where a service takes any text, that of a JSON string.
func nativeText(service push.Service, body json.RawMessage) []byte {
	var text string
	if service != push.APNs && service != push.FCM && json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return body // it was checked when it was accepted
	}
	return compact.Bytes()
}

func nativeTexts(bodies map[push.Service]json.RawMessage) map[push.Service][]byte {
	if bodies == nil {
		return nil
	}
	out := make(map[push.Service][]byte, len(bodies))
	for service, body := range bodies {
		out[service] = nativeText(service, body)
	}
	return out
}

func tooLarge(service push.Service, locale string, size int) *fault.Error {
	e := fault.E("hub.render", fault.TooLarge,
		fmt.Sprintf("the %s message in %s has %d bytes, the limit is %d", service, locale, size, service.MaxPayload()), nil).
		WithFix("shorten the text; $(property,n) clips a property to n characters")
	e.Fields = []fault.Field{{Name: "properties", Problem: fmt.Sprintf("render to %d bytes for %s, %d allowed", size, service, service.MaxPayload()), Fix: e.Fix}}
	return e
}
