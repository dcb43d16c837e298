package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

// csvColumns are the columns of an export, in their order. An import may have them
// in any order and leave some out.
var csvColumns = []string{"id", "kind", "handle", "p256dh", "auth", "topic", "user", "locale", "zone", "currency", "units",
	"quiet_from", "quiet_to", "tags", "attributes", "templates", "expires_at", "status", "status_reason"}

// csvOf is an installation as cells of csvColumns: tags joined by spaces, attributes
// and templates as JSON. Errors: fault.Internal.
func csvOf(in *Installation) ([]string, error) {
	attributes, err := jsonOrNil(in.Props, len(in.Props))
	if err != nil {
		return nil, err
	}
	templates, err := jsonOrNil(in.Templates, len(in.Templates))
	if err != nil {
		return nil, err
	}
	q, expires := Quiet{}, ""
	if in.Quiet != nil {
		q = *in.Quiet
	}
	if in.ExpiresAt != nil {
		expires = in.ExpiresAt.Format(time.RFC3339Nano)
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return []string{in.ID, in.Kind, in.Handle, in.P256dh, in.Auth, in.Topic, in.User, in.Locale, in.Zone, in.Currency, in.Units,
		q.From, q.To, strings.Join(in.Tags, " "), text(attributes), text(templates), expires, in.Status, in.StatusReason}, nil
}

// setCell is the inverse for one cell.
func (in *Installation) setCell(column, value string) error {
	var err error
	switch column {
	case "quiet_from", "quiet_to":
		in.setQuiet(column, value)
	case "tags":
		in.Tags = strings.Fields(value)
	case "attributes":
		err = fromCell(value, &in.Props)
	case "templates":
		err = fromCell(value, &in.Templates)
	case "expires_at":
		err = in.setExpiry(value)
	default:
		in.setText(column, value)
	}
	if err != nil {
		return fault.BadField("hub.Import", column, "cannot be read: "+err.Error(), cellFix[column])
	}
	return nil
}

// setText sets a field that a cell holds as it is.
func (in *Installation) setText(column, value string) {
	switch column {
	case "id":
		in.ID = value
	case "kind":
		in.Kind = value
	case "handle":
		in.Handle = value
	case "p256dh":
		in.P256dh = value
	case "auth":
		in.Auth = value
	case "topic":
		in.Topic = value
	case "user":
		in.User = value
	case "locale":
		in.Locale = value
	case "zone":
		in.Zone = value
	case "currency":
		in.Currency = value
	case "units":
		in.Units = value
	case "status":
		in.Status = value
	case "status_reason":
		in.StatusReason = value
	}
}

var cellFix = map[string]string{
	"attributes": `a JSON object, such as {"name": "Ana"}`,
	"templates":  `a JSON object, such as {"news": {"body": {"aps": {"alert": "$(message)"}}}}`,
	"expires_at": `such as "2027-01-31T00:00:00Z"`,
}

func (in *Installation) setQuiet(column, value string) {
	if value == "" {
		return
	}
	if in.Quiet == nil {
		in.Quiet = &Quiet{}
	}
	if column == "quiet_from" {
		in.Quiet.From = value
	} else {
		in.Quiet.To = value
	}
}

func (in *Installation) setExpiry(value string) error {
	if value == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	in.ExpiresAt = &at
	return err
}

func fromCell(value string, into any) error {
	if value == "" {
		return nil
	}
	return json.Unmarshal([]byte(value), into)
}

// csvLines reads records by the names in its header line.
type csvLines struct {
	s       *scanner
	columns []string
	record  []byte   // reused
	cells   []string // reused
}

func (c *csvLines) bytes() int64 { return c.s.read }

func newCSVLines(s *scanner) (lineReader, error) {
	const op = "hub.Import"
	c := &csvLines{s: s}
	if _, err := c.take(); err != nil {
		return nil, fault.E(op, fault.Invalid, "the CSV has no header line that can be read", err).WithFix(strings.Join(csvColumns, ","))
	}
	var f []fault.Field
	for _, name := range c.cells {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains(csvColumns, name) || slices.Contains(c.columns, name) {
			f = append(f, fault.Field{Name: "header", Problem: fmt.Sprintf("column %q is unknown or stands twice", clip(name)), Fix: "columns are " + strings.Join(csvColumns, ",")})
		}
		c.columns = append(c.columns, name)
	}
	for _, name := range []string{"id", "kind", "handle"} {
		if !slices.Contains(c.columns, name) {
			f = append(f, fault.Field{Name: "header", Problem: "has no column " + name, Fix: "the first line names the columns; id, kind and handle must be among them"})
		}
	}
	return c, fault.BadFields(op, f)
}

func (c *csvLines) next() (*Installation, int64, error) {
	line, err := c.take()
	if err != nil {
		return nil, line, err
	}
	if len(c.cells) != len(c.columns) {
		return nil, line, fault.E("hub.Import", fault.Invalid, fmt.Sprintf("the line has %d cells, the header %d", len(c.cells), len(c.columns)), nil).
			WithFix(`put cells with commas in quotes: "a,b"`)
	}
	in := new(Installation)
	var f []fault.Field
	for i, cell := range c.cells {
		if err := in.setCell(c.columns[i], sheet.Unguard(cell)); err != nil {
			f = append(f, fieldsOf(err, c.columns[i])...)
		}
	}
	if err := fault.BadFields("hub.Import", f); err != nil {
		return nil, line, err
	}
	return in, line, nil
}

// maxCSVLines bounds how many lines a quoted cell may go on over.
const maxCSVLines = 200

// take reads the next record into c.cells, over several lines if a quoted cell holds
// line ends. Behind a quote that is never closed it starts again with the next line.
func (c *csvLines) take() (first int64, err error) {
	line, err := c.s.next()
	for err == nil && len(bytes.TrimRight(line, "\r\n")) == 0 {
		line, err = c.s.next() // an empty line means nothing
	}
	first = c.s.line
	if err != nil {
		return first, err
	}
	c.record = append(c.record[:0], line...)
	c.cells, err = splitCSV(c.record, c.cells[:0])
	if !errors.Is(err, errOpenQuote) {
		return first, err
	}
	end := len(c.record) // of the first line
	var failed error
	for n := 1; n < maxCSVLines && len(c.record) <= maxLine; n++ {
		line, failed = c.s.next()
		if failed != nil {
			break
		}
		c.record = append(c.record, line...)
		if bytes.Count(c.record, []byte{'"'})%2 == 0 {
			if c.cells, err = splitCSV(c.record, c.cells[:0]); err == nil {
				return first, nil
			}
			break
		}
	}
	c.s.unread(c.record[end:], first, failed)
	return first, errOpenQuote
}

const csvQuotes = `quote a whole cell, and double the quotes in it: "say ""hi"""`

func badCSV(problem string) error {
	return fault.E("hub.Import", fault.Invalid, problem, nil).WithFix(csvQuotes)
}

var errOpenQuote = badCSV("a quote is never closed")

// splitCSV appends the cells of one record to cells. The record ends with a line end
// or not at all; \r\n inside a quoted cell becomes \n. Errors: fault.Invalid.
// Source: RFC 4180.
func splitCSV(record []byte, cells []string) ([]string, error) {
	if !utf8.Valid(record) {
		return cells, fault.E("hub.Import", fault.Invalid, "the line is not UTF-8", nil).WithFix("save the file as UTF-8")
	}
	rest := string(bytes.TrimSuffix(bytes.TrimSuffix(record, []byte("\n")), []byte("\r")))
	for {
		var cell string
		var err error
		if strings.HasPrefix(rest, `"`) {
			if cell, rest, err = quotedCell(rest[1:]); err != nil {
				return cells, err
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			if cell, rest = rest[:end], rest[end:]; strings.IndexByte(cell, '"') >= 0 {
				return cells, badCSV("a quote stands inside a cell that is not quoted")
			}
		}
		cells = append(cells, cell)
		if rest == "" {
			return cells, nil
		}
		rest = rest[1:] // the comma
	}
}

// quotedCell reads up to the closing quote; rest is empty or begins with a comma.
func quotedCell(s string) (cell, rest string, err error) {
	for from := 0; ; {
		end := strings.IndexByte(s[from:], '"')
		if end < 0 {
			return "", "", errOpenQuote
		}
		end += from
		if strings.HasPrefix(s[end:], `""`) {
			from = end + 2
			continue
		}
		cell, rest = s[:end], s[end+1:]
		if rest != "" && rest[0] != ',' {
			return "", "", badCSV("text stands after a closing quote")
		}
		return strings.ReplaceAll(strings.ReplaceAll(cell, `""`, `"`), "\r\n", "\n"), rest, nil
	}
}
