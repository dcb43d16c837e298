package sales

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

// Exports of an event, by name, and what each says. Amounts are in minor units, times in
// UTC; a program and a spreadsheet read the same values.
var exports = map[string]export{
	"orders":    {"Orders: who bought how many for how much", ordersSQL},
	"tickets":   {"Tickets: of every order, the void ones too", ticketsSQL},
	"payments":  {"Payments: what came and what went back", paymentsSQL},
	"attendees": {"Attendees: who comes, and who is in", attendeesSQL},
}

type export struct {
	says string
	sql  string // $1: the event
}

// cell is one value of a row: a string, an int64, a bool, a time.Time or nil.
type cell struct {
	name  string
	value any
}

// Export writes an export of an event, row by row as they are read, and says how many.
// Errors: fault.NotFound for an export that there is not, fault.Invalid for a format.
func (s *Service) Export(ctx context.Context, event id.ID, what, format string, to io.Writer) (rows int, err error) {
	const op = "sales.Export"
	x, ok := exports[what]
	if !ok {
		return 0, fault.E(op, fault.NotFound, "there is no export "+what, nil).WithFix("orders, tickets, payments or attendees")
	}
	switch format {
	case "csv":
		return s.exportRows(ctx, x.sql, event, csvSheet{csv.NewWriter(to)})
	case "ndjson":
		return s.exportRows(ctx, x.sql, event, jsonLines{to})
	}
	return 0, fault.BadField(op, "format", "is "+format, "csv or ndjson")
}

// table takes an export row by row; head gets the columns, without values.
type table interface {
	head(columns []cell) error
	row(row []cell) error
	end() error
}

// csvSheet writes CSV (RFC 4180) under a line with the columns' names.
type csvSheet struct{ to *csv.Writer }

func (s csvSheet) head(columns []cell) error {
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	return s.to.Write(record)
}

func (s csvSheet) row(row []cell) error {
	record := make([]string, len(row))
	for i, c := range row {
		record[i] = c.text()
	}
	return s.to.Write(record)
}

func (s csvSheet) end() error { s.to.Flush(); return s.to.Error() }

// jsonLines writes an object a line, its members in the order of the columns.
type jsonLines struct{ to io.Writer }

func (jsonLines) head([]cell) error { return nil }
func (jsonLines) end() error        { return nil }

// text is a value for a spreadsheet. What people have typed is made harmless; what we
// write ourselves has no need of it.
func (c cell) text() string {
	switch v := c.value.(type) {
	case string:
		return harmless(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return ""
}

// harmless is a text that no spreadsheet takes for a formula. Line breaks become \n, as
// CSV readers make them.
func harmless(text string) string {
	return sheet.Guard(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
}

func (s jsonLines) row(row []cell) error {
	b := []byte{'{'}
	for i, c := range row {
		value := c.value
		if t, ok := value.(time.Time); ok {
			value = t.UTC()
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fault.E("sales.Export", fault.Internal, "cannot write "+c.name, err)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(strconv.AppendQuote(b, c.name), ':'), text...)
	}
	_, err := s.to.Write(append(b, '}', '\n'))
	return err
}
