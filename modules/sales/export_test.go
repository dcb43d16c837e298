package sales

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

func checkSheet(t interface{ Fatalf(string, ...any) }, texts []string) {
	var b bytes.Buffer
	s := csvSheet{csv.NewWriter(&b)}
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i] = cell{"c", text}
	}
	for _, err := range []error{s.head(row), s.row(row), s.end()} {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	for _, other := range strings.FieldsFunc(b.String(), func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
		bare := strings.TrimLeft(other, `"`)
		if quotes := len(other) - len(bare); quotes <= 2 && bare != "" && strings.ContainsAny(bare[:1], "=+-@") { // with more of them the cell begins with a quote
			t.Fatalf("a spreadsheet that separates by semicolons takes %q for a formula", other)
		}
	}
	read, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(read) != 2 {
		t.Fatalf("%d rows, %v", len(read), err)
	}
	for i, text := range texts {
		if got := read[1][i]; got != "" && strings.ContainsAny(got[:1], "=+-@\t\r\n") {
			t.Fatalf("a spreadsheet takes %q for a formula", got)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		if got := sheet.Unguard(read[1][i]); got != want {
			t.Fatalf("%q was read back as %q", want, got)
		}
	}
}

func TestWhatIsExportedIsReadBackAndNoFormula(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`['=+\-@\t\r\n";, ]{0,3}[a-zA-Z0-9(!|]{0,6}`))
	rapid.Check(t, func(t *rapid.T) { checkSheet(t, rapid.SliceOfN(text, 2, 6).Draw(t, "row")) })
}

func FuzzExportedCell(f *testing.F) {
	for _, seed := range []string{"", "=1+1", "'", "''=x", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "a\rb", `"x",y`, "＝1", `Ana;=HYPERLINK("http://evil.example")`, "a\n=1", "a\t=1"} {
		f.Add(seed, "b")
	}
	f.Fuzz(func(t *testing.T, a, b string) { checkSheet(t, []string{a, b}) })
}

// export reads one of the event's with the format's own reader.
func (h *house) export(event id.ID, what string) []map[string]string {
	h.t.Helper()
	var b bytes.Buffer
	if _, err := h.Export(h.t.Context(), event, what, "csv", &b); err != nil {
		h.t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

func TestExportsSayWhatIsThere(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	seats := h.add(e, Category{Names: named("Balcony"), PriceMinor: 500, Rows: 28, Columns: 2, MaxPerOrder: 56})
	p := h.begun(h.cart(e, two))
	h.heard(told(p))
	h.settleAll()
	order := *h.payment(p).Order
	if _, err := h.buy(e, nil, Wanted{Category: seats.ID, Qty: 56}); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE sales.orders SET buyer = '{"name": "=cmd|calc", "email": "ana@example.org", "locale": "de"}' WHERE id = $1`, order)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, order)
	at := time.Date(2027, 6, 1, 18, 0, 0, 0, time.UTC)
	h.exec(`INSERT INTO sales.scan VALUES ($1, $2, $3, 1, 1, 'north', $4, $4, false, false, true, 'admitted')`, id.New(), e.ID, order, at)

	if o := h.export(e.ID, "orders"); len(o) != 2 || o[0]["order"] != order.String() || o[0]["name"] != "'=cmd|calc" || o[0]["qty"] != "2" || o[0]["total_minor"] != "5200" || o[0]["currency"] != "EUR" {
		t.Errorf("orders: %v", o)
	}
	tickets := h.export(e.ID, "tickets")
	if len(tickets) != 58 || tickets[1]["voided_at"] == "" || tickets[0]["category_title"] != "Standing" {
		t.Errorf("%d tickets, the first: %v", len(tickets), tickets[:2])
	}
	named := map[string]bool{}
	for _, row := range tickets {
		named[row["seat"]] = true
	}
	for _, seat := range []string{"A1", "Z2", "AA1", "AB2"} {
		if !named[seat] {
			t.Errorf("no ticket has the seat %s", seat)
		}
	}
	if p := h.export(e.ID, "payments"); len(p) != 1 || p[0]["paid_minor"] != "5200" || p[0]["state"] != "settled" || p[0]["order"] != order.String() {
		t.Errorf("payments: %v", p)
	}
	a := h.export(e.ID, "attendees")
	if len(a) != 57 {
		t.Fatalf("%d attendees", len(a))
	}
	if last := a[56]; last["name"] != "'=cmd|calc" || last["in_at"] != "2027-06-01T18:00:00Z" || last["device"] != "north" {
		t.Errorf("attendees: %v", last)
	}
	var b bytes.Buffer
	if n, err := h.Export(t.Context(), e.ID, "orders", "ndjson", &b); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	var first struct {
		Order, Name string
		TotalMinor  int64     `json:"total_minor"`
		CreatedAt   time.Time `json:"created_at"`
	}
	if err := json.NewDecoder(&b).Decode(&first); err != nil || first.Name != "=cmd|calc" || first.TotalMinor != 5200 || first.CreatedAt.IsZero() {
		t.Errorf("%+v, %v", first, err)
	}
	if _, err := h.Export(t.Context(), e.ID, "secrets", "csv", &b); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestExportsAreFilesOrFaults(t *testing.T) {
	h := newHouse(t)
	e, _ := stand(h, 10)
	site := newSite(t, h.exportRoutes(), nil)
	there := "/v1/catalogue/events/" + e.ID.String() + "/exports/"
	rec := visit(site, there+"orders", nil)
	shows(t, rec, http.StatusOK, "order,created_at,qty")
	if got := rec.Header().Get("Content-Disposition"); got != `attachment; filename="`+e.Slug+`-orders.csv"` {
		t.Error(got)
	}
	for path, code := range map[string]int{there + "secrets": 404, there + "orders?format=xlsx": 400, "/v1/catalogue/events/" + id.New().String() + "/exports/orders": 404, there + url.PathEscape("../orders"): 404} {
		if rec := visit(site, path, nil); rec.Code != code || rec.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %v", path, rec.Code, rec.Header())
		}
	}
}
