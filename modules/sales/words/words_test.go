package words_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/sales/words"
)

// TestEveryTextIsThereInEveryLanguage: a key that one language lacks would be read by
// people as it is written in the program.
func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	first := words.All()[0].Keys()
	for _, tongue := range words.All() {
		if keys := tongue.Keys(); !slices.Equal(keys, first) {
			for _, k := range slices.Concat(first, keys) {
				if !tongue.Has(k) || !words.All()[0].Has(k) {
					t.Errorf("%s: %q is not in every language", tongue.Lang, k)
				}
			}
		}
		for _, key := range first {
			if said := tongue.Say(key, "§", "§", "§", "§"); said == "" || said == key {
				t.Errorf("%s: %q says nothing", tongue.Lang, key)
			}
		}
	}
}

var blank = regexp.MustCompile(`%(\[\d\])?[sd]`)

// TestLanguagesHaveTheSameBlanks compares the files: what is filled in is the same.
func TestLanguagesHaveTheSameBlanks(t *testing.T) {
	line := regexp.MustCompile(`(?m)^ "([^"]+)": "(.*)",?$`)
	blanks := map[string]string{}
	for _, tongue := range words.All() {
		raw, err := os.ReadFile(tongue.Lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(raw), -1) {
			found := blank.FindAllString(m[2], -1)
			slices.Sort(found)
			have := strings.Join(found, " ")
			if before, ok := blanks[m[1]]; ok && before != have {
				t.Errorf("%s: %s fills in %q, another language %q", tongue.Lang, m[1], have, before)
			}
			blanks[m[1]] = have
		}
	}
	if len(blanks) < 100 {
		t.Errorf("only %d texts were read", len(blanks))
	}
}

var (
	asked   = regexp.MustCompile(`Say\(?\s*"([a-z.0-9_]+)"`)
	quoted  = regexp.MustCompile(`"([a-z]+(?:\.[a-z0-9_]+)*\.?)"`)
	spelled = []string{"notices.", "month.", "day.", "status.", "long.", "pay.", "said.", "wrong.", "code.", "number", "span.", "date."}
)

// TestWhatPagesSayIsInTheCatalogue reads templates and program: no text is asked for
// that is not there, and none is kept that nobody asks for.
func TestWhatPagesSayIsInTheCatalogue(t *testing.T) {
	tongue, used := words.All()[0], map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "web", "templates", "portal", "*.html"))
	if err != nil || len(files) < 8 {
		t.Fatal(len(files), err)
	}
	files = append(files, filepath.Join("..", "..", "..", "web", "templates", "sales", "invoice.html"))
	program, err := filepath.Glob(filepath.Join("..", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	own, _ := filepath.Glob("*.go")
	for _, name := range slices.Concat(files, program, own) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(raw), -1) {
			if used[m[1]] = true; !tongue.Has(m[1]) && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s asks for %q, which is in no language", filepath.Base(name), m[1])
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
		}
	}
	for _, key := range tongue.Keys() {
		if !used[key] && !slices.ContainsFunc(spelled, func(p string) bool { return strings.HasPrefix(key, p) }) && !used[strings.TrimSuffix(key, ".fix")] && !used[strings.TrimSuffix(key, ".text")] {
			t.Errorf("nobody says %q", key)
		}
	}
}

func TestLanguageIsChosen(t *testing.T) {
	for wanted, lang := range map[string]string{"de-AT,de;q=0.9,en;q=0.5": "de", "en-US": "en", "fr,de;q=0.5": "de", "fr": "en", "": "en", strings.Repeat("de,", 100): "en", "x=;": "en"} {
		if got := words.In(wanted).Lang; got != lang {
			t.Errorf("%q: %s, want %s", wanted, got, lang)
		}
	}
	if got := words.In("", "de", "en").Lang; got != "de" {
		t.Error("the first that says something decides, not", got)
	}
}

func TestFormsOfALanguage(t *testing.T) {
	en, de := words.In("en"), words.In("de")
	at := time.Date(2027, 3, 1, 20, 5, 0, 0, time.UTC)
	for got, want := range map[string]string{
		en.Money(123450, "EUR"): "€1,234.50", de.Money(123450, "EUR"): "1.234,50 €", en.Money(5, "CHF"): "CHF 0.05", de.Money(-5000, "USD"): "−50,00 $",
		en.Money(1234567, "JPY"): "¥1,234,567", en.Money(100000000, "GBP"): "£1,000,000.00",
		en.Moment(at): "Monday, 1 March 2027, 20:05", de.Moment(at): "Montag, 1. März 2027, 20:05 Uhr", de.Month(at): "März 2027", en.ShortMonth(at): "Mar", de.ShortWeekday(time.Sunday): "So",
		en.Say("mine.count", 1): "1 ticket", en.Say("mine.count", 2): "2 tickets", de.Say("mine.count", 1200): "1.200 Tickets", en.Say("list.found", 0): "Nothing found",
		en.Span(59 * time.Second): "59 seconds", en.Span(61 * time.Second): "2 minutes", de.Span(3 * time.Hour): "3 Stunden", en.Span(-time.Second): "0 seconds",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
