package hub

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// composeForm is the form as the promoter filled it in.
type composeForm struct {
	ID       id.ID // of the notification it becomes
	App      string
	Tags     string
	Template string // "": each installation's own
	Texts    []localText
	More     string // further properties, "name = value" a line
	Critical bool
	When     string // now, at, local
	SendAt   string // localLayout, UTC
	Local    string // localLayout
	Language string // about to be added
	Problem  string // with Language
}

// localText is what a notification says in one language; Locale "" is the default.
type localText struct{ Locale, Title, Body string }

// maxTexts bounds the languages of one form.
const maxTexts = 30

// Times of sending, as the form calls them.
const (
	whenNow   = "now"
	whenAt    = "at"
	whenLocal = "local"
)

func newComposeForm() composeForm {
	return composeForm{ID: id.New(), Template: "alert", Texts: []localText{{}}, When: whenNow}
}

// readComposeForm takes over what was sent; what is missing or wrong shows when
// the draft is checked.
func readComposeForm(v url.Values) composeForm {
	f := composeForm{
		App: v.Get("app"), Tags: strings.TrimSpace(v.Get("tags")), Template: v.Get("template"), More: v.Get("more"),
		Critical: v.Get("critical") != "", When: v.Get("when"), SendAt: v.Get("send_at"), Local: v.Get("local_time"),
		Language: strings.TrimSpace(v.Get("language")),
	}
	var err error
	if f.ID, err = id.Parse(v.Get("id")); err != nil {
		f.ID = id.New()
	}
	for i, locale := range v["locale"] {
		if i < maxTexts {
			f.Texts = append(f.Texts, localText{locale, nth(v["title"], i), nth(v["body"], i)})
		}
	}
	if len(f.Texts) == 0 || f.Texts[0].Locale != "" {
		f.Texts = slices.Insert(f.Texts, 0, localText{})
	}
	return f
}

func nth(list []string, i int) string {
	if i < len(list) {
		return strings.TrimSpace(list[i])
	}
	return ""
}

// edit adds or removes a language when that is what the button says, and
// reports whether it was.
func (f *composeForm) edit(button string) bool {
	if n, ok := strings.CutPrefix(button, "remove-"); ok {
		if i, err := strconv.Atoi(n); err == nil && i > 0 && i < len(f.Texts) {
			f.Texts = slices.Delete(f.Texts, i, i+1)
		}
		return true
	}
	if button != "add" {
		return false
	}
	tag, err := language.Parse(f.Language)
	switch {
	case err != nil || tag == language.Und:
		f.Problem = "is no language tag; write one such as de or de-CH"
	case slices.ContainsFunc(f.Texts, func(t localText) bool { return t.Locale == tag.String() }):
		f.Problem = "is there already"
	case len(f.Texts) >= maxTexts:
		f.Problem = fmt.Sprintf("is one more than the %d a form takes; use the API", maxTexts)
	default:
		f.Texts = append(f.Texts, localText{Locale: tag.String()})
		f.Language = ""
	}
	return true
}

// suffix is what a locale adds to a property's name: "_de_ch" for de-CH.
func (t localText) suffix() string {
	if t.Locale == "" {
		return ""
	}
	return "_" + strings.ToLower(strings.ReplaceAll(t.Locale, "-", "_"))
}

// Name is the language.
func (t localText) Name() web.Text { return languageName(t.Locale) }

// Direction is how its text runs.
func (t localText) Direction() string { return direction(t.Locale) }

// draft makes a Draft of the form; the fields are what the form alone can get wrong.
func (f *composeForm) draft() (Draft, []fault.Field) {
	d := Draft{App: f.App, Tags: f.Tags, Template: f.Template, Critical: f.Critical}
	var wrong []fault.Field
	d.Properties, wrong = f.properties()
	switch f.When {
	case whenAt:
		t, err := time.ParseInLocation(localLayout, f.SendAt, time.UTC)
		if err != nil {
			wrong = append(wrong, fault.Field{Name: "send_at", Problem: "is not a date and time", Fix: "such as 2026-12-31T18:00"})
		}
		d.SendAt = &t
	case whenLocal:
		d.LocalTime = f.Local
		if f.Local == "" {
			wrong = append(wrong, fault.Field{Name: "local_time", Problem: "is missing", Fix: "a date and time, such as 2026-12-31T18:00"})
		}
	}
	return d, wrong
}

func (f *composeForm) properties() (map[string]any, []fault.Field) {
	props := map[string]any{}
	for _, t := range f.Texts {
		for name, text := range map[string]string{"title": t.Title, "body": t.Body} {
			if text != "" {
				props[name+t.suffix()] = text
			}
		}
	}
	var wrong []fault.Field
	for i, line := range strings.Split(f.More, "\n") {
		name, value, ok := strings.Cut(line, "=")
		switch name = strings.TrimSpace(name); {
		case strings.TrimSpace(line) == "":
		case !ok || !validProperty(name):
			wrong = append(wrong, fault.Field{Name: "more", Problem: fmt.Sprintf("line %d is no property", i+1), Fix: "name = value, such as url = https://example.org/line-up"})
		case props[name] != nil:
			wrong = append(wrong, fault.Field{Name: "more", Problem: fmt.Sprintf("line %d gives %s again", i+1, name), Fix: "give each property once"})
		default:
			props[name] = strings.TrimSpace(value)
		}
	}
	if f.Template == "alert" && f.Texts[0].Title == "" && f.Texts[0].Body == "" {
		wrong = append(wrong, fault.Field{Name: "title", Problem: "and text are empty", Fix: "write at least one of them: phones in other languages fall back to it"})
	}
	return props, wrong
}

// inputs are the names of the form's inputs that a fault can stand beside.
var inputs = []string{"app", "tags", "template", "title", "body", "more", "send_at", "local_time"}

// place sorts faults by the input they belong to; the rest has none.
func (f *composeForm) place(fields []fault.Field) (by map[string][]fault.Field, rest []fault.Field) {
	by = map[string][]fault.Field{}
	for _, field := range fields {
		name, inner, _ := strings.Cut(field.Name, ".")
		if name == "properties" {
			name = "more"
			if inner == "" || strings.HasPrefix(inner, "title") || strings.HasPrefix(inner, "body") {
				name = "body" // too large, mostly
			}
		}
		if slices.Contains(inputs, name) {
			by[name] = append(by[name], field)
		} else {
			rest = append(rest, field)
		}
	}
	return by, rest
}
