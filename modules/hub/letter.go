package hub

import (
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
	app    App
	quiet  quietSpan // of installations that state none
	draft  Draft
	props  *template.Props
	bodies map[push.Service]map[string]*template.Template // by locale or "default"

	mu      sync.RWMutex
	readers map[readerKey]*reader
	own     map[string]*template.Template // installations' own templates, by their text
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
	l := &letter{app: app, quiet: app.quietSpan(), draft: d, readers: map[readerKey]*reader{}, own: map[string]*template.Template{}}
	var err error
	if l.props, err = template.NewProps(d.Properties); err != nil {
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
	l.mu.RLock()
	r := l.readers[key]
	l.mu.RUnlock()
	if r != nil {
		return r
	}
	r = l.newReader(key)
	l.mu.Lock()
	l.readers[key] = r
	l.mu.Unlock()
	return r
}

func (l *letter) newReader(k readerKey) *reader {
	locale, zone, currency := orElse(k.locale, l.app.Locale), zoneOf(orElse(k.zone, l.app.Zone)), orElse(k.currency, l.app.Currency)
	return &reader{
		view:   l.props.For(template.Reader{Locale: locale, Currency: currency, Units: k.units, Zone: zone}),
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
	text, ok := ownTemplate(rc.templates, l.draft.Template)
	if !ok {
		return nil, fault.E(op, fault.Invalid, "the installation has no template of its own", nil).
			WithFix("register it with a template, or name a server-side one")
	}
	return l.compileOwn(text)
}

func (l *letter) compileOwn(text string) (*template.Template, error) {
	l.mu.RLock()
	t := l.own[text]
	l.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	t, err := template.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.own) < maxOwn {
		l.own[text] = t
	}
	return t, nil
}

// ownTemplate finds the body named name in an installation's templates; with no
// name, the one called "default", else the first by name.
func ownTemplate(templates []byte, name string) (string, bool) {
	if len(templates) == 0 {
		return "", false
	}
	var all map[string]struct {
		Body json.RawMessage `json:"body"`
	}
	if json.Unmarshal(templates, &all) != nil || len(all) == 0 {
		return "", false
	}
	pick := name
	if pick == "" {
		pick = "default"
		if _, ok := all[pick]; !ok {
			for n := range all {
				if pick == "default" || n < pick {
					pick = n
				}
			}
		}
	}
	t, ok := all[pick]
	return bodyText(t.Body), ok
}

// bodyText is a template body as text: a JSON string holds XML or JSON text, any
// other JSON value is the body itself.
func bodyText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// render appends the message for rc to dst. Errors: fault.Invalid when no
// template fits, fault.TooLarge when the result exceeds the service's limit.
func (l *letter) render(dst []byte, rc *recipient, r *reader) ([]byte, error) {
	start := len(dst)
	if native, ok := l.draft.Native[rc.service]; ok {
		dst = append(dst, native...)
	} else if l.draft.Native != nil {
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

func tooLarge(service push.Service, locale string, size int) *fault.Error {
	e := fault.E("hub.render", fault.TooLarge,
		fmt.Sprintf("the %s message in %s has %d bytes, the limit is %d", service, locale, size, service.MaxPayload()), nil).
		WithFix("shorten the text; $(property,n) clips a property to n characters")
	e.Fields = []fault.Field{{Name: "properties", Problem: fmt.Sprintf("render to %d bytes for %s, %d allowed", size, service, service.MaxPayload()), Fix: e.Fix}}
	return e
}
