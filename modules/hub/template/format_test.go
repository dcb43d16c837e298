package template_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unicode"

	"golang.org/x/text/currency"
	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/template"
)

// shown prints one value in a format, with blanks that do not break as "_".
func shown(t *testing.T, r template.Reader, format string, v any) string {
	t.Helper()
	body := render(t, []byte(`["@(v, `+format+`)"]`), map[string]any{"v": v}, r)
	var got []string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(got[0], "\u00a0", "_")
}

type formatCase struct {
	locale, format string
	v              any
	want           string
}

func checkFormats(t *testing.T, r template.Reader, cases []formatCase) {
	t.Helper()
	for _, c := range cases {
		r.Locale = c.locale
		if got := shown(t, r, c.format, c.v); got != c.want {
			t.Errorf("%s: @(%v, %s) is %q, want %q", c.locale, c.v, c.format, got, c.want)
		}
	}
}

func TestCurrency(t *testing.T) {
	checkFormats(t, template.Reader{}, []formatCase{
		{"en-US", "currency", "1234.5 EUR", "€1,234.50"},
		{"en-GB", "currency", "-1234.5 EUR", "-€1,234.50"},
		{"en", "currency", "5 CHF", "CHF_5.00"},
		{"en-CA", "currency", "5 USD", "US$5.00"},
		{"en-IN", "currency", "1234567.891 INR", "₹12,34,567.89"},
		{"de", "currency", "1234.5 EUR", "1.234,50_€"},
		{"de-DE", "currency", "-1234.5 EUR", "-1.234,50_€"},
		{"de-AT", "currency", "1234.5 EUR", "€_1.234,50"},
		{"de-AT", "number", "1234.5", "1_234,5"},
		{"fr-CH", "currency", "1234.5 CHF", "1_234.50_CHF"},
		{"de-CH", "currency", "1234.5 CHF", "CHF_1’234.50"},
		{"de-CH", "currency", "-1234.5 CHF", "CHF-1’234.50"},
		{"fr", "currency", "1234.5 EUR", "1_234,50_€"},
		{"es", "currency", "1234.5 EUR", "1234,50_€"},
		{"es", "currency", "12345 EUR", "12.345,00_€"},
		{"es-MX", "currency", "1234.5 MXN", "$1,234.50"},
		{"it", "currency", "1234.5 EUR", "1.234,50_€"},
		{"nl", "currency", "-1234.5 EUR", "€_-1.234,50"},
		{"pt-BR", "currency", "1234.5 BRL", "R$_1.234,50"},
		{"pt-PT", "currency", "12345.5 EUR", "12_345,50_€"},
		{"pl", "currency", "1234.5 PLN", "1234,50_zł"},
		{"ja", "currency", "1234.5 JPY", "￥1,234"},
		{"de", "currency", "1234.5 JPY", "1.234_¥"},
		// ties go to the even digit, and nothing passes through a float
		{"en", "currency", "0.125 EUR", "€0.12"},
		{"en", "currency", "0.135 EUR", "€0.14"},
		{"en", "currency", "0.1250001 EUR", "€0.13"},
		{"en", "currency", "9876e-4 EUR", "€0.99"},
		{"en", "currency", "9876e-5 EUR", "€0.10"},
		{"en", "currency", "9876e-6 EUR", "€0.01"},
		{"en", "currency", "999.995 EUR", "€1,000.00"},
		{"en", "currency", "-0.001 EUR", "€0.00"},
		{"en", "currency", "12345678901234567890.12 EUR", "€12,345,678,901,234,567,890.12"},
		{"en", "currency", "15e-1 EUR", "€1.50"},
		{"en", "currency", "1.5E+3 EUR", "€1,500.00"},
		// without a code, the currency is that of the region
		{"de-CH", "currency", 12.5, "CHF_12.50"},
		{"en-GB", "currency", "12.5", "£12.50"},
		{"", "currency", 12, "$12.00"},
		// what is no amount stays as it is
		{"de", "currency", "free", "free"},
		{"de", "currency", "12,50 EUR", "12,50 EUR"},
		{"de", "currency", "12.50 QQQ", "12.50 QQQ"},
		{"de", "currency", "1e999", "1e999"},
		{"de", "currency", "1e-999", "1e-999"},
		{"de", "currency", "1e99999999999999999999", "1e99999999999999999999"},
		{"de", "currency", strings.Repeat("9", 40), strings.Repeat("9", 40)},
		{"de", "currency", "", ""},
		{"de", "currency", true, "true"},
	})
	checkFormats(t, template.Reader{Currency: "EUR"}, []formatCase{
		{"en-US", "currency", 12.5, "€12.50"}, {"en-US", "currency", "12.5 USD", "$12.50"},
	})
	checkFormats(t, template.Reader{Currency: "nonsense"}, []formatCase{{"en-US", "currency", 12.5, "$12.50"}})
}

func TestMeasures(t *testing.T) {
	checkFormats(t, template.Reader{}, []formatCase{
		{"de", "temperature", 22.5, "22,5_°C"},
		{"de", "temperature", "-3", "-3_°C"},
		{"sv", "temperature", "-3", "−3_°C"},
		{"en-GB", "temperature", 22, "22°C"},
		{"en-US", "temperature", 22.5, "72.5°F"},
		{"en-US", "temperature", -40, "-40°F"},
		{"fr", "temperature", "21.06", "21,1_°C"},
		{"ja", "temperature", 20, "20°C"},
		{"de", "temperature", "warm", "warm"},
		{"de", "length", 850, "850_m"},
		{"de", "length", 2.54, "2,5_m"},
		{"de", "length", 999.4, "999_m"},
		{"de", "length", 999.5, "1_km"},
		{"fr", "length", 1549, "1,5_km"},
		{"es", "length", "12345678", "12.346_km"},
		{"en-GB", "length", 1609.344, "1.6_km"},
		{"en-US", "length", 100, "328_ft"},
		{"en-US", "length", 1609.344, "1_mi"},
		{"en-US", "length", 50000, "31_mi"},
		{"en-US", "length", -100, "-328_ft"},
		{"en-US", "length", "far", "far"},
		{"de", "number", 1234567.8915, "1.234.567,892"},
		{"de-CH", "number", 1234567, "1’234’567"},
		{"en-IN", "number", 1234567, "12,34,567"},
		{"es", "number", 1234, "1234"},
		{"es", "number", "12345", "12.345"},
		{"pl", "number", 1234.5, "1234,5"},
		{"ar", "number", 1234.5, "١٬٢٣٤٫٥"},
		{"hi", "number", "-0.0004", "0"},
		{"en", "number", "many", "many"},
		{"not a locale!", "number", 1234.5, "1,234.5"},
	})
	checkFormats(t, template.Reader{Units: "imperial"}, []formatCase{
		{"de", "temperature", 22.5, "72,5_°F"}, {"de", "length", 1609.344, "1_mi"},
	})
	checkFormats(t, template.Reader{Units: "metric"}, []formatCase{
		{"en-US", "temperature", 22.5, "22.5°C"}, {"en-US", "length", 1500, "1.5_km"},
	})
}

func TestDatesAndTimes(t *testing.T) {
	const evening, morning = "2026-03-05T19:30:00Z", "2026-08-31T23:05:30.25+02:00"
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	checkFormats(t, template.Reader{Zone: berlin}, []formatCase{
		{"en-US", "date", evening, "Mar 5, 2026"}, {"en-US", "time", evening, "8:30_PM"},
		{"en", "time", "2026-03-05T23:05:00Z", "12:05_AM"}, {"en", "time", "2026-03-05T11:05:00Z", "12:05_PM"},
		{"en-GB", "date", evening, "5 Mar 2026"}, {"en-GB", "time", evening, "20:30"},
		{"en-AU", "date", evening, "5 Mar 2026"}, {"en-AU", "time", evening, "8:30_pm"},
		{"en-DE", "date", evening, "5 Mar 2026"}, {"en-DE", "time", evening, "20:30"},
		{"en-CA", "date", evening, "Mar 5, 2026"}, {"en-CA", "time", evening, "8:30_p.m."},
		{"de-CH", "date", evening, "05.03.2026"}, {"de", "time", evening, "20:30"},
		{"fr", "date", morning, "31 août 2026"}, {"fr-CA", "time", evening, "20_h_30"},
		{"es", "date", evening, "5 mar 2026"}, {"es-MX", "time", "2026-03-05T08:05:00Z", "9:05"},
		{"it", "date", morning, "31 ago 2026"}, {"it", "time", "2026-03-05T08:05:00Z", "09:05"},
		{"nl", "date", evening, "5 mrt 2026"}, {"nl", "time", morning, "23:05"},
		{"pt", "date", evening, "5 de mar. de 2026"}, {"pt-PT", "date", evening, "05/03/2026"},
		{"pl", "date", morning, "31 sie 2026"}, {"pl", "time", morning, "23:05"},
		{"ja-JP", "date", evening, "2026/03/05"}, {"ja", "time", "2026-03-05T08:05:00Z", "9:05"},
		{"xx", "date", evening, "Mar 5, 2026"},
		{"de", "date", "2026-03-05T23:30:00Z", "06.03.2026"}, // past midnight in Berlin
		{"de", "date", "2026-12-24", "24.12.2026"},           // a day is the same day everywhere
		{"de", "time", "2026-12-24", "2026-12-24"}, {"de", "date", "tomorrow", "tomorrow"}, {"de", "date", "2026-02-30", "2026-02-30"},
	})
	checkFormats(t, template.Reader{}, []formatCase{{"de", "time", morning, "23:05"}, {"de", "date", morning, "31.08.2026"}})
}

// TestEveryMonthHasAName guards the tables against a missing or doubled blank.
func TestEveryMonthHasAName(t *testing.T) {
	for _, locale := range []string{"en", "en-GB", "fr", "es", "it", "nl", "pt", "pl"} {
		seen := map[string]bool{}
		for m := time.January; m <= time.December; m++ {
			s := shown(t, template.Reader{Locale: locale}, "date", time.Date(2026, m, 9, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))
			if strings.Contains(s, "  ") || strings.HasSuffix(s, " ") || seen[s] {
				t.Errorf("%s: month %d is %q", locale, m, s)
			}
			seen[s] = true
		}
	}
}

func TestFormatsInsideExpressions(t *testing.T) {
	props := map[string]any{"price": "9.5 EUR", "free": "\"free\""}
	for expr, want := range map[string]string{
		"{'from ' + @(price, currency) + '!'}": `"from 9,50` + "\u00a0" + `€!"`,
		"@(PRICE, Currency)":                   `"9,50` + "\u00a0" + `€"`,
		"@(none:{1.5 GBP}, currency)":          `"1,50` + "\u00a0" + `£"`,
		"@(none:{ask us}, currency)":           `"ask us"`,
		"@(free, currency)":                    `"\"free\""`,
	} {
		if got := render(t, inJSON(expr), props, template.Reader{Locale: "de"}); got != `{"v":`+want+`}` {
			t.Errorf("%s renders %s, want %s", expr, got, want)
		}
	}
}

// TestNumbersKeepTheirValue reads grouped numbers back.
func TestNumbersKeepTheirValue(t *testing.T) {
	tmpl, err := template.Parse([]byte(`"@(n, number)"`))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		props, err := template.NewProps(map[string]any{"n": n})
		if err != nil {
			t.Fatal(err)
		}
		out := string(tmpl.Append(nil, props.For(template.Reader{Locale: "de"}), nil))
		if want, _ := json.Marshal(n); strings.ReplaceAll(strings.Trim(out, `"`), ".", "") != string(want) {
			t.Fatalf("%d prints %s", n, out)
		}
	})
}

// TestOddLocales renders for whatever an app may send as its locale.
func TestOddLocales(t *testing.T) {
	for locale, want := range map[string]string{
		"de-DE-u-co-phonebk": "1.234,50_€", "de_DE": "1.234,50_€", "DE": "1.234,50_€", "de-1996": "1.234,50_€",
		"x-foo": "€_1,234.50", "und": "€1,234.50", "i-klingon": "€_1,234.50", "zz-ZZ": "€_1,234.50", "-": "€1,234.50", "\xff": "€1,234.50",
	} {
		if got := shown(t, template.Reader{Locale: locale}, "currency", "1234.5 EUR"); got != want {
			t.Errorf("%q shows %q, want %q", locale, got, want)
		}
	}
}

// TestCurrencySignsNeedNoEscaping holds appendFormat to its promise.
func TestCurrencySignsNeedNoEscaping(t *testing.T) {
	for _, locale := range []string{"en", "en-CA", "de", "fr", "fr-CA", "es-419", "pt", "ja", "ar", "fa", "hi", "he", "sv", "tr", "zh"} {
		for it := currency.Query(currency.Historical); it.Next(); {
			got := shown(t, template.Reader{Locale: locale}, "currency", "-1.5 "+it.Unit().String())
			if strings.ContainsAny(got, "\"\\<>&'") || strings.IndexFunc(got, unicode.IsControl) >= 0 {
				t.Errorf("%s: %s shows %q", locale, it.Unit(), got)
			}
		}
	}
}
