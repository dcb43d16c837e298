package sales

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const goodFile = "slug,title,zone,currency,starts_at,category,price,capacity,rows,columns,hidden\n" +
	"jazz,\"Jazz, live\",Europe/Berlin,EUR,2027-06-01 20:00,Floor,25.00,400,,,\n" +
	"jazz,,,,,Seats,40,,5,10,\n" +
	"koto,Koto,Asia/Tokyo,JPY,2027-07-01T19:00:00+09:00,Floor,3000,100,,,no\n"

func TestAFileBecomesDraftsOrNothing(t *testing.T) {
	h := newHouse(t)
	dry, err := h.Import(t.Context(), []byte(goodFile), "ana", true)
	if err != nil || dry.Events != 2 || dry.Categories != 3 || len(dry.Errors) > 0 || h.number(`SELECT count(*) FROM sales.event`) > 0 {
		t.Fatalf("%+v, %v", dry, err)
	}
	bad := goodFile + "=BAD,,,,,,,,,,\nkoto,,,,,Stand,3000.5,12,,,maybe\n"
	got, err := h.Import(t.Context(), []byte(bad), "ana", false)
	if err != nil || h.number(`SELECT count(*) FROM sales.event`) > 0 || h.number(`SELECT count(*) FROM sales.stock`) > 0 {
		t.Fatalf("something of a bad file was kept: %+v, %v", got, err)
	}
	lines := map[int]string{}
	for _, e := range got.Errors {
		lines[e.Line] += e.Field + " "
	}
	if len(lines) != 2 || !strings.Contains(lines[5], "category") || !strings.Contains(lines[5], "slug") || !strings.Contains(lines[6], "price") || !strings.Contains(lines[6], "hidden") {
		t.Errorf("%v", lines)
	}
	if done, err := h.Import(t.Context(), []byte(goodFile), "ana", false); err != nil || len(done.Errors) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	jazz, err := h.EventBySlug(t.Context(), "jazz")
	if err != nil || jazz.Title() != "Jazz, live" || jazz.Categories[1].Capacity != 50 || h.number(`SELECT count(*) FROM sales.seat`) != 50 {
		t.Errorf("%+v, %v", jazz, err)
	}
	koto, err := h.EventBySlug(t.Context(), "koto")
	if err != nil || koto.Categories[0].PriceMinor != 3000 || koto.StartsAt.Hour() != 10 {
		t.Errorf("%+v, %v", koto, err)
	}
	if again, err := h.Import(t.Context(), []byte(goodFile), "ana", false); err != nil || len(again.Errors) != 2 {
		t.Errorf("imported twice: %+v, %v", again, err)
	}
}

func TestRowsLeftEmptyByASpreadsheetAreNoLines(t *testing.T) {
	events, wrong, err := readCatalogue([]byte(goodFile + ",,,,,,,,,,\n , ,,,,,,,,,\n\n,,,,,,,,,,\n"))
	if err != nil || len(wrong) > 0 || len(events) != 2 {
		t.Errorf("%d events, %+v, %v", len(events), wrong, err)
	}
}

func TestALaterLineCannotSayOtherwiseOfItsEvent(t *testing.T) {
	const head = "slug,title,zone,currency,starts_at,category,price,capacity\n"
	_, wrong, err := readCatalogue([]byte(head + "jazz,Jazz,Europe/Berlin,EUR,2027-06-01 20:00,Floor,25,100\n" +
		"jazz,Jazz,Europe/Berlin,EUR,2027-06-01 20:00,Seats,40,50\n" + "jazz,,Asia/Tokyo,USD,,Balcony,40,50\n"))
	got := ""
	for _, e := range wrong {
		got += fmt.Sprintf("%d %s %s\n", e.Line, e.Field, e.Problem)
	}
	want := "4 zone \"Asia/Tokyo\" is not what line 2 says of the same event\n4 currency \"USD\" is not what line 2 says of the same event\n"
	if err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTheAPIAnswersAFileWithFaultsAsAProblem(t *testing.T) {
	h := newHouse(t)
	e := h.api()
	rec, p := call(t, e, "POST", "/v1/catalogue/import", strings.Replace(goodFile, "25.00", "a lot", 1), "Content-Type", "text/csv")
	if rec.Code != 422 || rec.Header().Get("Content-Type") != "application/problem+json" || p["code"] != "invalid" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if first := p["errors"].([]any)[0].(map[string]any); first["line"] != 2.0 || first["field"] != "price" || first["fix"] != "such as 12.50" {
		t.Errorf("%v", first)
	}
	for query, want := range map[string]int{"?dry_run=1": 200, "?dry_run=yes": 400, "?dry_run": 400, "?dry_run=true": 200} {
		if rec, _ := call(t, e, "POST", "/v1/catalogue/import"+query, goodFile, "Content-Type", "text/csv"); rec.Code != want {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	if n := h.number(`SELECT count(*) FROM sales.event`); n > 0 {
		t.Errorf("%d events of files that were to be checked only", n)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "no lines": "slug,category\n", "no category": "slug,title\na,b\n", "unknown column": "slug,category,colour\na,b,c\n",
		"twice": "slug,slug,category\na,b,c\n", "not UTF-8": "slug,category\n\xff,b\n",
	} {
		if _, _, err := readCatalogue([]byte(file)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, wrong, err := readCatalogue([]byte("slug,category\na,\"b\nc,d\n")); err != nil || len(wrong) == 0 {
		t.Errorf("an open quote: %v, %v", wrong, err)
	}
}

func TestAmountsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]int64{"12": 1200, "12.5": 1250, "12,50": 1250, " 0.05 ": 5, "0": 0} { //nolint:gocritic // the spaces are part of the case
		if got, err := parsePrice(text, "EUR"); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1.234,50", "12.", "-1", "+1", "1e3", "12.345", "１２", "9999999999999"} {
		if got, err := parsePrice(text, "EUR"); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		minor, currency := rapid.Int64Range(0, maxMinor).Draw(t, "minor"), rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "CHF"}).Draw(t, "currency")
		if got, err := parsePrice(priceText(minor, currency), currency); err != nil || got != minor {
			t.Fatalf("%d %s: %d, %v", minor, currency, got, err)
		}
	})
}

// Cells pasted from a spreadsheet are separated by tabs, and empty ones are cells too.
func TestEmptyCellsBetweenTabsKeepTheirColumns(t *testing.T) {
	events, wrong, err := readCatalogue([]byte(tabbedFile))
	if err != nil || len(wrong) > 0 || len(events) != 1 {
		t.Fatalf("%+v, %v, %v", events, wrong, err)
	}
	e, c := events[0].event, events[0].categories[0]
	if c.PriceMinor != 2500 || c.FeeMinor != 0 || c.TaxPermille != 0 || c.Capacity != 400 || e.Series != "" || e.StartsAt.Hour() != 20 {
		t.Errorf("%+v of %+v", c, e)
	}
}

const tabbedFile = "series\tslug\tcategory\tprice\tfee\ttax_permille\tcapacity\tstarts_at\n\ta\tFloor\t 25.00\t\t\t400\t2027-06-01 20:00\n"

// A line that cannot be read is said to be wrong, wherever in it the fault is.
func TestAStrayQuoteIsToldByItsLine(t *testing.T) {
	site := newSite(t, nil, newHouse(t).eventPages())
	for _, file := range strayQuotes {
		_, wrong, err := readCatalogue([]byte(file))
		if err != nil || len(wrong) != 1 || wrong[0].Line != 2 || wrong[0].Problem == "" {
			t.Errorf("%q: %+v, %v", file, wrong, err)
		}
		rec := visit(site, "/events/import", url.Values{"text": {file}, "do": {"check"}})
		shows(t, rec, http.StatusUnprocessableEntity, "double a quote")
	}
}

var strayQuotes = []string{"slug,category\na\"b,c\n", "slug,category\n\"ab,c\n", "slug,category\n\"a\"b,c\n", "slug,category\na,b\"c\n"}

func FuzzImport(f *testing.F) {
	for _, file := range append(strayQuotes, tabbedFile) {
		f.Add([]byte(file))
	}
	f.Add([]byte(goodFile))
	f.Add([]byte("slug;category;price\na;b;1,5\n"))
	f.Add([]byte("slug\tcategory\n'=x\t\"y\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		events, wrong, err := readCatalogue(file)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.first.line < 2 || len(e.categories) == 0 {
				t.Fatalf("%+v", e)
			}
		}
		for _, w := range wrong {
			if w.Problem == "" || w.Line < 1 {
				t.Fatalf("%+v", w)
			}
		}
	})
}
