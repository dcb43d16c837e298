// Package words is what the portal says to people, in each of its languages: texts
// with plurals, money, days and times. The texts are data: <language>.json, a text for
// a key or one for each plural form of its first number.
package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"github.com/usherhq/usher/modules/kernel/web"
)

//go:embed *.json
var files embed.FS

// tags are the languages we speak; the first is for everybody else.
var tags = []language.Tag{language.English, language.German}

// Tongue is one language. It may be used by many at once.
type Tongue struct {
	Lang    string // "en", as in a page's lang attribute
	printer *message.Printer
	keys    map[string]bool
}

var (
	tongues = speak()
	matcher = language.NewMatcher(tags)
)

// All are the languages, the fallback first.
func All() []*Tongue { return slices.Clone(tongues) }

// In chooses by language tags or Accept-Language headers: the first of them that names
// a language we speak decides; none, or one too long to be honest, and it is English.
func In(wanted ...string) *Tongue {
	i, _ := web.Negotiate(matcher, wanted...)
	return tongues[i] // the first, English, when none is named
}

// Say is the text of a key with its blanks filled in, as fmt.Sprintf does, numbers
// written as the language writes them. A text with plural forms takes its number first.
func (t *Tongue) Say(key string, blanks ...any) string { return t.printer.Sprintf(key, blanks...) }

// Has reports whether there is a text for the key.
func (t *Tongue) Has(key string) bool { return t.keys[key] }

// Keys are all texts' names, sorted.
func (t *Tongue) Keys() []string { return slices.Sorted(maps.Keys(t.keys)) }

// text is what stands in a file for one key: a string, or plural forms.
type text struct {
	plain string
	forms map[string]string
}

// UnmarshalJSON takes either form.
func (x *text) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &x.plain) == nil {
		return nil
	}
	return json.Unmarshal(b, &x.forms)
}

func (x *text) message() catalog.Message {
	if x.forms == nil {
		return catalog.String(x.plain)
	}
	var cases []any
	for _, form := range []string{"=0", "one", "other"} {
		if said, ok := x.forms[form]; ok {
			cases = append(cases, form, said)
		}
	}
	return plural.Selectf(1, "%d", cases...)
}

// speak reads the files. They are part of the program: a fault in them stops it, and a
// test before that.
func speak() []*Tongue {
	all := catalog.NewBuilder(catalog.Fallback(tags[0]))
	out := make([]*Tongue, len(tags))
	for i, tag := range tags {
		texts := read(tag.String())
		out[i] = &Tongue{Lang: tag.String(), keys: map[string]bool{}, printer: message.NewPrinter(tag, message.Catalog(all))}
		for key, x := range texts {
			if err := all.Set(tag, key, x.message()); err != nil {
				panic(fmt.Sprintf("words: %s of %s: %v", key, tag, err))
			}
			out[i].keys[key] = true
		}
	}
	return out
}

func read(lang string) (texts map[string]text) {
	raw, err := files.ReadFile(lang + ".json")
	if err == nil {
		err = json.Unmarshal(raw, &texts)
	}
	if err != nil {
		panic("words: " + lang + ".json: " + err.Error())
	}
	return texts
}
