package web

import "testing"

func TestSentencesAreRetold(t *testing.T) {
	texts := map[string]string{
		"The price stays: %v.":                  "Der Preis bleibt: %v.",
		"it is a concession":                    "es ist eine Ermäßigung",
		"Over %v days, demand was %v above.":    "Über %v Tage lag die Nachfrage %v darüber.",
		"%v of %v tickets can be bought at %v.": "Für %[3]v kann man %[1]v von %[2]v Karten kaufen.",
		"%v %% off":                             "%v %% billiger",
		"%v Mar":                                "%v. März",
		"Sun":                                   "So",
		"is %v":                                 "ist %v",
		"%v of %v":                              "%v von %v",
		",":                                     ".",
		".":                                     ",",
		"stays until %v; an admin may use it again": "bleibt bis %v; ein Administrator darf es wieder nehmen",
	}
	german := &tongue{lang: "de", texts: texts, told: toldOf(texts)}
	for english, want := range map[string]string{
		"The price stays: it is a concession.":                                                      "Der Preis bleibt: es ist eine Ermäßigung.",
		"Over 3 days, demand was 4.1 % above. 7 of 9 tickets can be bought at 12.50 EUR. So it is.": "Über 3 Tage lag die Nachfrage 4,1 % darüber. Für 12,50 € kann man 7 von 9 Karten kaufen. So it is.",
		"is 0":     "ist 0",
		"3 of 4":   "3 von 4",
		"20 % off": "20 % billiger",
		// Half a sentence in each language is worse than one.
		"is missing, too long, or has a line break": "is missing, too long, or has a line break",
		"the name of who will come":                 "the name of who will come",
		"1 Mar 2027":                                "1. März 2027",
		"Sun 7 Mar":                                 "So 7. März",
		"Sunday":                                    "Sunday",
		"March 2027":                                "March 2027",
		"":                                          "",
		"stays until 4 Mar 2027; an admin may use it again": "bleibt bis 4. März 2027; ein Administrator darf es wieder nehmen",
	} {
		if got := german.retell(english); got != want {
			t.Errorf("%q: %q", english, got)
		}
		if got := (*tongue)(nil).retell(english); got != english {
			t.Errorf("in English %q is %q", english, got)
		}
	}
	page := `<p>7 Mar</p><time datetime="2027-03-07T10:00:00Z">Sun 7 Mar 2027, 10:00</time>`
	if got := string(german.inTime([]byte(page))); got != `<p>7 Mar</p><time datetime="2027-03-07T10:00:00Z">So 7. März 2027, 10:00</time>` {
		t.Error(got)
	}
}

// Figures are the language's; whatever has a word in it, and be it "Release 2.0", is not touched.
func TestFiguresAreRetold(t *testing.T) {
	german := &tongue{lang: "de", texts: map[string]string{",": ".", ".": ","}}
	for english, want := range map[string]string{
		"2,443": "2.443", "-1,234,567": "-1.234.567", "99.5 %": "99,5 %", "> 99.9 %": "> 99,9 %", "8.5 s": "8,5 s", "+1.36 ± 0.30": "+1,36 ± 0,30", "2026": "2026",
		"12.50 EUR": "12,50 €", "76110.18 EUR": "76.110,18 €", "€1,250.00": "1.250,00 €", "1250 JPY": "1.250 ¥", "25.00 EUR + 2.00": "25,00 € + 2,00", "7.00 CHF": "7,00 CHF",
		"Release 2.0": "Release 2.0", "10.0.0.1": "10.0.0.1", "v1.2": "v1.2", "12:30": "12:30", "–": "–", "VIP": "VIP", "1,2": "1,2",
	} {
		if got := german.retell(english); got != want {
			t.Errorf("%q: %q, not %q", english, got, want)
		}
		if got := (*tongue)(nil).retell(english); got != english {
			t.Errorf("in English %q is %q", english, got)
		}
	}
}

func TestLanguagesAreNamedInTheReadersOwn(t *testing.T) {
	for name, want := range map[Language][2]string{"de-CH": {"Swiss High German", "Schweizer Hochdeutsch"}, "en": {"English", "Englisch"}, "-": {"-", "-"}} {
		if got := [2]string{(*tongue)(nil).say(name), (&tongue{lang: "de"}).say(name)}; got != want {
			t.Errorf("%s is %q", string(name), got)
		}
	}
}
