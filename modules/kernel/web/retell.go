package web

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A told sentence is one that Go put together in English, such as a fault's message or the
// reason of a price, with %v for what it was filled with.
type told struct {
	begins string // before the first blank
	shape  *regexp.Regexp
	said   string // in the other language, as fmt.Sprintf takes it
}

const blankIn = "%v"

// toldOf are the texts with blanks, those that say most first.
func toldOf(texts map[string]string) []told {
	var all []told
	for english, said := range texts {
		if !strings.Contains(english, blankIn) {
			continue
		}
		parts := strings.Split(english, blankIn)
		for i, part := range parts {
			parts[i] = strings.ReplaceAll(part, "%%", "%")
		}
		begins := parts[0]
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		all = append(all, told{begins, regexp.MustCompile(`(?s)^` + strings.Join(parts, `(.+?)`) + `$`), said})
	}
	slices.SortFunc(all, func(a, b told) int {
		return cmp.Or(cmp.Compare(len(b.shape.String()), len(a.shape.String())), cmp.Compare(a.shape.String(), b.shape.String()))
	})
	return all
}

// retell is what templates call for sentences that a program has put together in English: it
// finds each among the texts, whatever its blanks were filled with. Of what nobody has
// translated, figures and dates alone are put into the language.
func (w *tongue) retell(v any) string {
	s, ok := v.(string)
	if !ok {
		return w.say(v)
	}
	if w == nil || len(w.texts) == 0 || s == "" {
		return s
	}
	if said, ok := w.texts[s]; ok {
		return said
	}
	sentences := sentencesOf(s)
	if len(sentences) == 1 {
		return w.sentence(s)
	}
	for i, one := range sentences {
		sentences[i] = w.retell(one)
	}
	return strings.Join(sentences, " ")
}

// sentence finds a text with blanks that it may have been made of.
func (w *tongue) sentence(s string) string {
	for _, t := range w.told {
		if !strings.HasPrefix(s, t.begins) {
			continue
		}
		if found := t.shape.FindStringSubmatch(s); found != nil {
			if filled, ok := w.fillings(found[1:]); ok {
				return fmt.Sprintf(t.said, anys(filled)...)
			}
		}
	}
	if parts := strings.Split(s, ", "); len(parts) > 1 { // a list, such as what sets a segment apart
		if filled, ok := w.fillings(parts); ok {
			return strings.Join(filled, ", ")
		}
		return s
	}
	return w.dates(w.figures(s))
}

// fillings retells what stands in the blanks. It is not ok when one of them is English
// prose that nobody has translated: half a sentence in each language is worse than one.
func (w *tongue) fillings(blanks []string) (filled []string, ok bool) {
	for _, blank := range blanks {
		said := w.retell(blank)
		if _, known := w.texts[blank]; said == blank && !known && prose.MatchString(blank) {
			return nil, false
		}
		filled = append(filled, said)
	}
	return filled, true
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// prose knows English by its small words.
var prose = regexp.MustCompile(`\b(the|an?|of|to|is|are|was|has|have|or|with|for|by|who|which|that|not|will|be|its?|than|as)\b`)

// sentencesOf parts a text where a full stop is followed by a capital or a figure.
func sentencesOf(s string) (all []string) {
	from := 0
	for i := 1; i < len(s)-1; i++ {
		next := rune(s[i+1])
		if s[i-1] == '.' && s[i] == ' ' && (unicode.IsUpper(next) || unicode.IsDigit(next)) {
			all, from = append(all, s[from:i]), i+1
		}
	}
	return append(all, s[from:])
}

var (
	englishDay  = regexp.MustCompile(`\b(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b`)
	englishWeek = regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? `)
	timeElement = regexp.MustCompile(`(<time[^>]*>)([^<]*)(</time>)`)
)

// dates puts days, months and weekdays of a text into the language.
func (w *tongue) dates(s string) string {
	s = englishDay.ReplaceAllStringFunc(s, func(day string) string {
		n, month, _ := strings.Cut(day, " ")
		if said, ok := w.texts[blankIn+" "+month]; ok {
			return fmt.Sprintf(said, n)
		}
		return day
	})
	return englishWeek.ReplaceAllStringFunc(s, func(day string) string {
		if said, ok := w.texts[day[:3]]; ok {
			return said + day[3:]
		}
		return day
	})
}

// inTime puts what stands in the time elements of a page into the language.
func (w *tongue) inTime(page []byte) []byte {
	return timeElement.ReplaceAllFunc(page, func(element []byte) []byte {
		m := timeElement.FindSubmatch(element)
		return slices.Concat(m[1], []byte(w.dates(string(m[2]))), m[3])
	})
}
