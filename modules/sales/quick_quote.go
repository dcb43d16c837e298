package sales

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/kernel/id"
)

// appendJSON writes the quote as json.Marshal writes quoted.
func (q *Quote) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"k":`...), quoteKey)
	b = appendID(append(b, `,"c":`...), q.Cart)
	b = appendID(append(b, `,"e":`...), q.Event)
	b = appendText(append(b, `,"m":`...), q.Currency)
	b = appendList(append(b, `,"l":`...), q.Lines, appendQuoted)
	return append(strconv.AppendInt(append(b, `,"x":`...), q.Expires.Unix(), 10), '}')
}

func appendQuoted(b []byte, l Line) []byte {
	b = strconv.AppendInt(append(appendID(append(b, `{"c":`...), l.Category), `,"q":`...), int64(l.Qty), 10)
	b = strconv.AppendInt(append(b, `,"u":`...), l.UnitMinor, 10)
	if len(l.Seats) > 0 {
		b = appendList(append(b, `,"s":`...), l.Seats, appendID)
	}
	if len(l.Also) > 0 {
		b = appendList(append(b, `,"a":`...), l.Also, func(b []byte, d Debit) []byte {
			b = appendID(append(b, `{"Stock":`...), d.Stock)
			return append(strconv.AppendInt(append(b, `,"Qty":`...), int64(d.Qty), 10), '}')
		})
	}
	return append(b, '}')
}

// readJSON reads a quote of ours, whose signature has been found good, in the form in
// which appendJSON writes one without seats or further stock. false: w is worth nothing.
func (w *quoted) readJSON(body []byte) bool {
	v, ok := gjson.ParseBytes(body), true
	v.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "k":
			ok = ok && readText(v, &w.Key)
		case "c":
			ok = ok && readID(v, &w.Cart)
		case "e":
			ok = ok && readID(v, &w.Event)
		case "m":
			ok = ok && readText(v, &w.Currency)
		case "l":
			ok = ok && readAll(v, &w.Lines, readQuoted)
		case "x":
			ok = ok && readNumber(v, &w.Expires)
		default:
			ok = false
		}
		return ok
	})
	return ok && w.Cart != id.Nil
}

func readQuoted(v gjson.Result, l *quotedLine) bool {
	ok := v.IsObject()
	v.ForEach(func(name, v gjson.Result) bool {
		var n int64
		switch name.Str {
		case "c":
			ok = ok && readID(v, &l.Category)
		case "q":
			ok = ok && readNumber(v, &n)
			l.Qty = int(n)
		case "u":
			ok = ok && readNumber(v, &l.Unit)
		default:
			ok = false
		}
		return ok
	})
	return ok
}

func readNumber(v gjson.Result, into *int64) bool {
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	*into = n
	return err == nil
}
