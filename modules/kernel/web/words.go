package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Text is something people read that a program puts together: an English sentence
// with blanks as fmt.Sprintf has them. Templates show it by {{say .X}} in the
// language of who looks.
type Text struct {
	English string
	Blanks  []any // a saying among them is said in the same language
}

// saying is what each language says in its own way: a Text, Number, Told or Language.
type saying interface{ in(w *tongue) string }

// T makes a Text.
func T(english string, blanks ...any) Text { return Text{english, blanks} }

// String says it in English.
func (t Text) String() string { return t.in(nil) }

// Is reports whether there is anything to say.
func (t Text) Is() bool { return t.English != "" }

func (t Text) in(w *tongue) string {
	said := w.of(t.English)
	if len(t.Blanks) == 0 {
		return said
	}
	filled := make([]any, len(t.Blanks))
	for i, b := range t.Blanks {
		if inner, ok := b.(saying); ok {
			b = inner.in(w)
		}
		filled[i] = b
	}
	return fmt.Sprintf(said, filled...)
}

// Told is a blank that Go put together in English: what it says is retold.
type Told string

func (t Told) in(w *tongue) string { return w.retell(string(t)) }

// Language is a locale by its name: de-CH is Swiss High German.
type Language string

// String is the English form.
func (l Language) String() string { return l.in(nil) }

func (l Language) in(w *tongue) string {
	reader := english
	if w != nil {
		reader = w.lang
	}
	tag, err := language.Parse(string(l))
	if err != nil {
		return string(l)
	}
	return cmp.Or(display.Tags(language.Make(reader)).Name(tag), string(l))
}

// Number is a whole number with its digits in groups: 1,234 or 1.234.
type Number int64

// String is the English form.
func (n Number) String() string { return n.in(nil) }

func (n Number) in(w *tongue) string {
	if n < 0 {
		return "-" + w.grouped(strconv.FormatInt(int64(n), 10)[1:])
	}
	return w.grouped(strconv.FormatInt(int64(n), 10))
}

// tongue holds the texts of one language by their English; nil is English itself.
type tongue struct {
	lang  string
	texts map[string]string
	told  []told // of the texts, those with blanks
}

func (w *tongue) of(english string) string {
	if w != nil {
		if said, ok := w.texts[english]; ok {
			return said
		}
	}
	return english
}

// say is what templates call: for a saying, a count, or a word that one of ours stands for.
func (w *tongue) say(v any) string {
	switch v := v.(type) {
	case saying:
		return v.in(w)
	case int:
		return Number(v).in(w)
	}
	return w.of(fmt.Sprint(v))
}

// readWords reads words/<language>/<module>.json: {"English": "the other language"}.
func readWords(files fs.FS) ([]*tongue, error) {
	const op = "web.readWords"
	names, err := fs.Glob(files, "words/*/*.json")
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot list the words", err)
	}
	var all []*tongue
	for _, name := range names { // sorted: a language's files follow each other
		lang := path.Base(path.Dir(name))
		if len(all) == 0 || all[len(all)-1].lang != lang {
			all = append(all, &tongue{lang: lang, texts: map[string]string{}})
		}
		raw, err := fs.ReadFile(files, name)
		if err == nil {
			err = json.Unmarshal(raw, &all[len(all)-1].texts)
		}
		if err != nil {
			return nil, fault.E(op, fault.Internal, "cannot read "+name, err)
		}
	}
	for _, w := range all {
		w.told = toldOf(w.texts)
	}
	return all, nil
}

// LanguageCookie keeps the language that a person chose for the dashboard.
const LanguageCookie = "usher_language"

// choose picks one of our languages as Negotiate does, and English for everybody else.
func choose(tags []language.Tag, match language.Matcher, wanted ...string) string {
	if i, ok := Negotiate(match, wanted...); ok {
		return strings.ToLower(tags[i].String())
	}
	return english
}

// Negotiate chooses among a matcher's languages by tags or Accept-Language headers: the
// first of them that names one decides. One too long to be honest is not read.
func Negotiate(match language.Matcher, wanted ...string) (i int, ok bool) {
	for _, w := range wanted {
		if w == "" || len(w) > 200 {
			continue
		}
		asked, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(asked) == 0 {
			continue
		}
		if _, i, sure := match.Match(asked...); sure > language.No {
			return i, true
		}
	}
	return 0, false
}
