// Package sentiment says whether a short English text is glad or not, by VADER: a
// lexicon of rated words and rules for negation, degree and emphasis, made for
// posts. Texts in other languages, and in none that is stated, are unknown, which
// is not the same as neutral.
//
// Source: C. Hutto and E. Gilbert, VADER: A Parsimonious Rule-based Model for
// Sentiment Analysis of Social Media Text, ICWSM 2014.
package sentiment

import (
	"strings"
	"sync"

	"github.com/jonreiter/govader"
	"golang.org/x/text/language"
)

// Label is a sentiment in a word.
type Label string

// The labels.
const (
	Positive Label = "positive"
	Neutral  Label = "neutral"
	Negative Label = "negative"
	Unknown  Label = "unknown"
)

// Score is what a text says.
type Score struct {
	Label    Label
	Compound float64 // −1 … 1; 0 where the label is Unknown
}

// threshold is VADER's own bound of what counts as neutral.
const threshold = 0.05

// maxText bounds what is looked at, in bytes: posts are shorter, and the time
// grows with the length.
const maxText = 5000

// analyzer holds the lexicon, 7,500 words, from its first use on.
var analyzer = sync.OnceValue(govader.NewSentimentIntensityAnalyzer)

// Of rates a text in a language (BCP 47, such as "en-GB"; "" when not stated).
func Of(text, lang string) Score {
	text = strings.TrimSpace(text)
	if text == "" || !english(lang) {
		return Score{Label: Unknown}
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	s := Score{Label: Neutral, Compound: analyzer().PolarityScores(text).Compound}
	switch {
	case s.Compound >= threshold:
		s.Label = Positive
	case s.Compound <= -threshold:
		s.Label = Negative
	}
	return s
}

// english reports whether the tag's language is stated to be English.
func english(tag string) bool {
	if tag == "" || len(tag) > 35 {
		return false
	}
	t, err := language.Parse(tag)
	if err != nil {
		return false
	}
	base, confidence := t.Base()
	return confidence == language.Exact && base.String() == "en"
}
