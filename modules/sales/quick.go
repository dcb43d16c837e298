package sales

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/kernel/id"
)

// On sale, reading and writing JSON by reflection would be a good part of all work.
// What is here writes byte for byte what encoding/json writes, and reads the ordinary
// form of a choice only; everything else goes the long way, which says what is wrong.

// quickBody bounds what is read the quick way, in bytes: an order is some hundred.
const quickBody = 16 << 10

// ReadJSON reads a choice in its ordinary form. false: it is not, and c is worth nothing.
func (c *choice) ReadJSON(body []byte) bool {
	if len(body) > quickBody || !utf8.Valid(body) || !gjson.ValidBytes(body) {
		return false
	}
	v := gjson.ParseBytes(body)
	seen, ok := [5]bool{}, v.IsObject()
	once := func(i int, read bool) bool {
		again := seen[i]
		seen[i] = true
		return read && !again
	}
	v.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "event":
			ok = ok && once(0, readID(v, &c.Event))
		case "lines":
			ok = ok && once(1, readAll(v, &c.Lines, readWanted))
		case "codes":
			ok = ok && once(2, readAll(v, &c.Codes, readText))
		case "quote":
			ok = ok && once(3, readText(v, &c.Quote))
		case "buyer":
			c.Buyer = json.RawMessage(v.Raw)
			ok = ok && once(4, v.IsObject())
		default:
			ok = false
		}
		return ok
	})
	return ok
}

func readWanted(v gjson.Result, w *Wanted) bool {
	seen, ok := [3]bool{}, v.IsObject()
	v.ForEach(func(name, v gjson.Result) bool {
		i := 0
		switch name.Str {
		case "category":
			ok = ok && readID(v, &w.Category)
		case "qty":
			i = 1
			n, err := strconv.Atoi(v.Raw)
			w.Qty = n
			ok = ok && err == nil
		case "seats":
			i = 2
			ok = ok && readAll(v, &w.Seats, readID)
		default:
			ok = false
		}
		ok = ok && !seen[i]
		seen[i] = true
		return ok
	})
	return ok
}

func readAll[T any](v gjson.Result, into *[]T, read func(gjson.Result, *T) bool) bool {
	ok := v.IsArray()
	*into = []T{}
	v.ForEach(func(_, v gjson.Result) bool {
		var one T
		ok = ok && read(v, &one)
		*into = append(*into, one)
		return ok
	})
	return ok
}

// readText takes a text without escapes.
func readText(v gjson.Result, into *string) bool {
	*into = v.Str
	return v.Type == gjson.String && len(v.Raw) == len(v.Str)+2
}

func readID(v gjson.Result, into *id.ID) bool {
	const form = len("00000000-0000-0000-0000-000000000000")
	if v.Type != gjson.String || len(v.Str) != form {
		return false
	}
	var err error
	*into, err = id.Parse(v.Str)
	return err == nil
}

// canonical is the choice as json.Marshal writes it: what the hash of a repetition is
// taken of. Errors: a buyer that is no JSON.
func (c *choice) canonical() ([]byte, error) {
	b := appendID(append(make([]byte, 0, 512), `{"event":`...), c.Event)
	b = appendList(append(b, `,"lines":`...), c.Lines, func(b []byte, w Wanted) []byte {
		b = strconv.AppendInt(append(appendID(append(b, `{"category":`...), w.Category), `,"qty":`...), int64(w.Qty), 10)
		return append(appendSeats(b, w.Seats), '}')
	})
	b = appendList(append(b, `,"codes":`...), c.Codes, appendText)
	b = appendText(append(b, `,"quote":`...), c.Quote)
	b, err := appendRaw(append(b, `,"buyer":`...), c.Buyer)
	return append(b, '}'), err
}

// appendJSON writes an order's answer.
func (s *sold) appendJSON(b []byte) ([]byte, error) {
	b = appendID(append(b, `{"id":`...), s.ID)
	b = appendID(append(b, `,"event":`...), s.Event)
	b = appendList(append(b, `,"lines":`...), s.Lines, appendLine)
	b = strconv.AppendInt(append(b, `,"qty":`...), int64(s.Qty), 10)
	b = strconv.AppendInt(append(b, `,"total_minor":`...), s.TotalMinor, 10)
	b = appendText(append(b, `,"currency":`...), s.Currency)
	var err error
	if len(s.Buyer) > 0 {
		b, err = appendRaw(append(b, `,"buyer":`...), s.Buyer)
	}
	if s.Person != "" {
		b = appendText(append(b, `,"person":`...), s.Person)
	}
	b = appendTime(append(b, `,"created_at":`...), s.CreatedAt)
	return append(appendText(append(b, `,"tickets_url":`...), s.Tickets), '}'), err
}

// appendJSON writes a cart's answer.
func (c *cartAnswer) appendJSON(b []byte) ([]byte, error) {
	b = appendID(append(b, `{"id":`...), c.ID)
	b = appendID(append(b, `,"event":`...), c.Event)
	b = appendList(append(b, `,"lines":`...), c.Lines, appendLine)
	b = appendTime(append(b, `,"expires_at":`...), c.ExpiresAt)
	b = appendText(append(b, `,"quote":`...), c.Quote)
	b = strconv.AppendInt(append(b, `,"total_minor":`...), c.TotalMinor, 10)
	b = appendText(append(b, `,"currency":`...), c.Currency)
	seconds, err := json.Marshal(c.Seconds)
	return append(append(append(b, `,"expires_in_seconds":`...), seconds...), '}'), err
}

func appendLine(b []byte, l Line) []byte {
	b = strconv.AppendInt(append(appendID(append(b, `{"category":`...), l.Category), `,"qty":`...), int64(l.Qty), 10)
	b = strconv.AppendInt(append(b, `,"unit_minor":`...), l.UnitMinor, 10)
	return append(appendSeats(b, l.Seats), '}')
}

func appendSeats(b []byte, seats []id.ID) []byte {
	if len(seats) == 0 {
		return b
	}
	return appendList(append(b, `,"seats":`...), seats, appendID)
}

func appendList[T any](b []byte, all []T, write func([]byte, T) []byte) []byte {
	if all == nil {
		return append(b, `null`...)
	}
	b = append(b, '[')
	for i, one := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, one)
	}
	return append(b, ']')
}

func appendID(b []byte, v id.ID) []byte {
	text, _ := v.MarshalText() // never fails
	return append(append(append(b, '"'), text...), '"')
}

func appendTime(b []byte, at time.Time) []byte {
	return append(at.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // never fails
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// asItIs reports whether JSON is compact and safe as it is.
func asItIs(raw []byte) bool {
	inText := false
	for _, c := range raw {
		switch {
		case c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' || c == '\\':
			return false
		case c == '"':
			inText = !inText
		case c <= ' ' && !inText:
			return false
		}
	}
	return true
}

// appendRaw writes JSON as encoding/json passes it on: compact, safe within HTML.
func appendRaw(b []byte, raw json.RawMessage) ([]byte, error) {
	if raw == nil {
		return append(b, `null`...), nil
	}
	if asItIs(raw) && gjson.ValidBytes(raw) {
		return append(b, raw...), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return b, err
	}
	out := bytes.NewBuffer(b)
	json.HTMLEscape(out, compact.Bytes())
	return out.Bytes(), nil
}
