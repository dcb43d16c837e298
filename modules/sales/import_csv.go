package sales

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

// eventCells count in the first line of a slug; later lines may leave them empty.
var eventCells = []string{"title", "locale", "series", "venue", "zone", "currency", "starts_at", "ends_at", "doors_at", "sale_from", "sale_until"}

// importColumns are the columns a file may have, in any order.
var importColumns = slices.Concat([]string{"slug"}, eventCells, []string{"category", "price", "fee", "tax_permille", "capacity", "min_per_order", "max_per_order", "rows", "columns", "hidden"})

// maxImportLines bounds one import: it is one transaction.
const maxImportLines = 2000

// draftEvent is an event of a file, with the line it begins in.
type draftEvent struct {
	event      Event
	first      row // the event's columns count there
	categories []draftCategory
}

type draftCategory struct {
	Category
	line int
}

// readCatalogue reads a file into events; what is wrong with a line is returned beside
// them. Errors: fault.Invalid when it is no such file at all.
func readCatalogue(file []byte) (events []draftEvent, wrong []LineError, err error) {
	const op = "sales.Import"
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if !utf8.Valid(file) {
		return nil, nil, fault.BadField(op, "file", "is not UTF-8", "save it as CSV UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma, r.FieldsPerRecord = separator(file), -1
	r.TrimLeadingSpace = r.Comma != '\t' // else an empty cell would be trimmed away, its tab too
	head, err := r.Read()
	if err != nil {
		return nil, nil, fault.BadField(op, "file", "has no first line with the names of its columns", "slug,title,zone,currency,starts_at,category,price,capacity")
	}
	if err := checkHead(op, head); err != nil {
		return nil, nil, err
	}
	in := catalogueReader{head: head, at: map[string]int{}}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && blank(cells) {
			continue // spreadsheets write what was once filled in below the table
		}
		if in.lines++; in.lines > maxImportLines {
			return nil, nil, fault.BadField(op, "file", fmt.Sprintf("has more than %d lines", maxImportLines), "import it in parts")
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			in.wrong = append(in.wrong, LineError{Line: broken.Line, Problem: broken.Err.Error(), Fix: `double a quote within quotes: "a ""b"""`})
			break // the rest cannot be told apart
		}
		line, _ := r.FieldPos(0)
		in.take(line, cells)
	}
	if in.lines == 0 {
		return nil, nil, fault.BadField(op, "file", "has no lines after the first", "one line for each category")
	}
	return in.events, in.wrong, nil
}

func blank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" })
}

// separator is what the first line separates its cells by: spreadsheets of many
// countries write semicolons.
func separator(file []byte) rune {
	first, _, _ := bytes.Cut(file, []byte("\n"))
	best, most := ',', bytes.Count(first, []byte(","))
	for _, s := range []rune{';', '\t'} {
		if n := bytes.Count(first, []byte(string(s))); n > most {
			best, most = s, n
		}
	}
	return best
}

func checkHead(op string, head []string) error {
	return collect(op, func(bad complaint) {
		for i, name := range head {
			head[i] = strings.ToLower(strings.TrimSpace(name))
			if !slices.Contains(importColumns, head[i]) {
				bad("file", fmt.Sprintf("has an unknown column %q", clip(name)), "columns are "+strings.Join(importColumns, ", "))
			} else if slices.Index(head, head[i]) < i {
				bad("file", fmt.Sprintf("has the column %s twice", head[i]), "each once")
			}
		}
		for _, needed := range []string{"slug", "category"} {
			if !slices.Contains(head, needed) {
				bad("file", "has no column "+needed, "add it")
			}
		}
	})
}

// catalogueReader gathers lines into events.
type catalogueReader struct {
	head   []string
	lines  int
	events []draftEvent
	at     map[string]int // by slug
	wrong  []LineError
}

// row is one line by column.
type row struct {
	cells map[string]string
	line  int
	wrong *[]LineError
}

func (in *catalogueReader) take(line int, cells []string) {
	r := row{cells: map[string]string{}, line: line, wrong: &in.wrong}
	if len(cells) > len(in.head) {
		in.wrong = append(in.wrong, LineError{Line: line, Problem: fmt.Sprintf("has %d cells for %d columns", len(cells), len(in.head)), Fix: "quote cells that hold the separator"})
		return
	}
	for i, cell := range cells {
		r.cells[in.head[i]] = sheet.Unguard(strings.TrimSpace(cell))
	}
	slug := r.cells["slug"]
	i, known := in.at[slug]
	if !known {
		i = len(in.events)
		in.at[slug] = i
		in.events = append(in.events, draftEvent{event: r.event(), first: r})
	}
	d := &in.events[i]
	r.agree(d.first)
	d.categories = append(d.categories, draftCategory{r.category(&d.event), line})
}

// agree complains about what a later line says of the event otherwise: it would go unheard,
// and a price be taken for one in the first line's currency.
func (r row) agree(first row) {
	for _, column := range eventCells {
		if cell := r.cells[column]; cell != "" && cell != first.cells[column] {
			r.complain(column, fmt.Sprintf("%q is not what line %d says of the same event", clip(cell), first.line), "leave the cell empty, or give the event another slug")
		}
	}
}

func (r row) complain(column, problem, fix string) {
	*r.wrong = append(*r.wrong, LineError{r.line, column, problem, fix})
}

func (r row) event() Event {
	locale := cmp.Or(r.cells["locale"], "en")
	e := Event{Slug: r.cells["slug"], Series: r.cells["series"], Venue: r.cells["venue"], Zone: cmp.Or(r.cells["zone"], "UTC"), Currency: cmp.Or(r.cells["currency"], "EUR"),
		Locales: []string{locale}, Names: map[string]Text{locale: {Title: r.cells["title"]}}}
	if t := r.moment("starts_at", e.Zone); t != nil {
		e.StartsAt = *t
	}
	e.EndsAt, e.DoorsAt = r.moment("ends_at", e.Zone), r.moment("doors_at", e.Zone)
	e.SaleFrom, e.SaleUntil = r.moment("sale_from", e.Zone), r.moment("sale_until", e.Zone)
	return e
}

func (r row) category(e *Event) Category {
	c := Category{Names: map[string]Text{e.Locales[0]: {Title: r.cells["category"]}}, PriceMinor: r.amount("price", e.Currency), FeeMinor: r.amount("fee", e.Currency),
		TaxPermille: r.number("tax_permille"), Capacity: r.number("capacity"), MinPerOrder: r.number("min_per_order"), MaxPerOrder: r.number("max_per_order"),
		Rows: r.number("rows"), Columns: r.number("columns")}
	if r.cells["category"] == "" {
		r.complain("category", "is empty", "the category's name")
	}
	if r.cells["price"] == "" {
		r.complain("price", "is empty", "such as 12.50; 0 gives the tickets away")
	}
	if hidden := strings.ToLower(r.cells["hidden"]); hidden != "" {
		if c.Hidden = hidden == "yes" || hidden == "true" || hidden == "1"; !c.Hidden && hidden != "no" && hidden != "false" && hidden != "0" {
			r.complain("hidden", fmt.Sprintf("%q is neither yes nor no", clip(hidden)), "yes or no")
		}
	}
	return c
}

func (r row) number(column string) int {
	if r.cells[column] == "" {
		return 0
	}
	n, err := strconv.Atoi(r.cells[column])
	if err != nil || n < 0 {
		r.complain(column, fmt.Sprintf("%q is no number", clip(r.cells[column])), "digits only, such as 500")
		return 0
	}
	return n
}

func (r row) amount(column, currency string) int64 {
	if r.cells[column] == "" {
		return 0
	}
	minor, err := parsePrice(r.cells[column], currency)
	if err != nil {
		r.complain(column, err.Error(), "such as 12.50")
	}
	return minor
}

// moment reads a date and time on the venue's clock, or one with an offset of its own.
func (r row) moment(column, zone string) *time.Time {
	text := r.cells[column]
	if text == "" {
		return nil
	}
	t, err := readMoment(text, zone)
	if err != nil {
		r.complain(column, fmt.Sprintf("%q is no date and time", clip(text)), "on the venue's clock, such as 2027-06-01 20:00")
		return nil
	}
	return &t
}

// readMoment reads "2027-06-01 20:00", with a T and seconds as browsers send it, on
// a zone's clock; or RFC 3339. A zone that is none counts as UTC: it is told apart.
func readMoment(text, zone string) (time.Time, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, place); err == nil {
			return t.UTC(), nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err
}

// sort puts faults in the order of their lines, and keeps as many as anybody reads.
func (i *Imported) sort() {
	slices.SortStableFunc(i.Errors, func(a, b LineError) int { return cmp.Compare(a.Line, b.Line) })
	i.Errors = i.Errors[:min(len(i.Errors), maxLineErrors)]
}
