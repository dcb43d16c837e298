package hub

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// DryRun is what a draft would do: whom it reaches and what they would see.
type DryRun struct {
	Audience  int64                  `json:"audience"`
	ByService map[push.Service]int64 `json:"by_service"`
	Samples   []Sample               `json:"samples"`
	Warnings  []string               `json:"warnings,omitempty"`
}

// Sample is one rendered message.
type Sample struct {
	Service      push.Service    `json:"service"`
	Locale       string          `json:"locale"`
	Installation string          `json:"installation,omitempty"` // "" : nobody in particular
	Payload      json.RawMessage `json:"payload"`
	Bytes        int             `json:"bytes"`
	Limit        int             `json:"limit"`
	Problem      string          `json:"problem,omitempty"` // why it would not go out
}

// sampleRows is how many installations of one service stand for the audience.
const sampleRows = 40

// DryRun validates a draft, counts its audience and renders a sample for each
// push service and language, without sending anything. A message that is too
// large is reported in its sample. Errors: those of Send but for that.
func (s *Service) DryRun(ctx context.Context, d Draft) (DryRun, error) {
	p, err := s.prepare(ctx, d)
	if err != nil {
		return DryRun{}, err
	}
	out := DryRun{ByService: map[push.Service]int64{}, Warnings: p.letter.warnings()}
	if p.letter.draft.Targets != nil {
		for _, t := range p.letter.draft.Targets {
			out.ByService[serviceOfKind(t.Kind)]++
		}
	} else if out.ByService, err = s.countAudience(ctx, p); err != nil {
		return DryRun{}, err
	}
	for _, n := range out.ByService {
		out.Audience += n
	}
	out.Samples, err = s.samples(ctx, p)
	if fault.Is(err, fault.TooLarge) {
		err = nil
	}
	return out, err
}

// Preview renders a stored notification as DryRun does its draft, one sample a
// push service and language.
func (s *Service) Preview(ctx context.Context, n Notification) ([]Sample, error) {
	app, err := s.App(ctx, n.App)
	if err != nil {
		return nil, err
	}
	var p Prepared
	if p.expr, err = tagexpr.Parse(n.Draft.Tags); err != nil {
		return nil, err
	}
	if p.letter, err = newLetter(app, n.Draft, n.bodies); err != nil {
		return nil, err
	}
	out, err := s.samples(ctx, p)
	if fault.Is(err, fault.TooLarge) {
		err = nil // the sample says so
	}
	return out, err
}

// samples renders the draft for real installations, one a service and language,
// and for every language its template names. The error is the first message that
// is too large; the samples are complete all the same.
func (s *Service) samples(ctx context.Context, p Prepared) ([]Sample, error) {
	var out []Sample
	var tooBig error
	seen := map[string]bool{} // service and locale, with the languages a shown sample stands for
	add := func(rc *recipient, name string) {
		rd := p.letter.reader(rc)
		sample, err := p.letter.sample(rc, rd)
		if fault.Is(err, fault.TooLarge) && tooBig == nil {
			tooBig = err
		}
		if seen[string(rc.service)+rd.locale] {
			return
		}
		seen[string(rc.service)+rd.locale] = true
		for _, locale := range rd.chain {
			seen[string(rc.service)+locale] = true
		}
		sample.Installation = name
		out = append(out, sample)
	}
	if p.letter.draft.Targets == nil {
		if err := s.sampleRecipients(ctx, p, add); err != nil {
			return nil, err
		}
	}
	for _, rc := range p.letter.strangers() {
		add(&rc, "")
	}
	slices.SortFunc(out, func(a, b Sample) int {
		if d := serviceIndex(a.Service) - serviceIndex(b.Service); d != 0 {
			return d
		}
		return compareText(a.Locale, b.Locale)
	})
	return out, tooBig
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sample renders for one recipient. A payload over the limit is shown with its size.
func (l *letter) sample(rc *recipient, rd *reader) (Sample, error) {
	body, err := l.render(nil, rc, rd)
	s := Sample{Service: rc.service, Locale: rd.locale, Bytes: len(body), Limit: rc.service.MaxPayload(), Payload: asJSON(body)}
	if err != nil {
		s.Problem = fault.Message(err)
	}
	return s, err
}

// asJSON shows a payload as it is when it is JSON, else as a JSON string (XML).
func asJSON(body []byte) json.RawMessage {
	if len(body) == 0 {
		return json.RawMessage("null")
	}
	if json.Valid(body) {
		return body
	}
	quoted, _ := json.Marshal(string(body))
	return quoted
}

// strangers are recipients without a row: one for each service and locale that
// the content itself names, and the app's own locale.
func (l *letter) strangers() []recipient {
	var out []recipient
	for _, service := range push.Services {
		if len(l.draft.Services) > 0 && !slices.Contains(l.draft.Services, service) {
			continue
		}
		if _, ok := l.draft.Native[service]; ok {
			out = append(out, recipient{service: service})
			continue
		}
		locales := make([]string, 0, len(l.bodies[service]))
		for locale := range l.bodies[service] {
			if locale == "default" {
				locale = ""
			}
			locales = append(locales, locale)
		}
		slices.Sort(locales)
		for _, locale := range locales {
			out = append(out, recipient{service: service, locale: locale})
		}
	}
	return out
}

// warnings gathers what the templates' authors probably did not mean.
func (l *letter) warnings() []string {
	var out []string
	for _, service := range push.Services {
		for locale, t := range l.bodies[service] {
			for _, w := range t.Warnings() {
				out = append(out, string(service)+" "+locale+": "+w)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Audience counts the phones that a tag expression reaches, by push service. Errors:
// fault.Invalid, fault.NotFound.
func (s *Service) Audience(ctx context.Context, app, tags string) (map[push.Service]int64, error) {
	p, err := s.prepare(ctx, Draft{App: app, Tags: tags, Template: "alert"}) // any content that goes to each phone
	if err != nil {
		return nil, err
	}
	return s.countAudience(ctx, p)
}
