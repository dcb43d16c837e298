// Package filter says which facts a standing query counts, and where in them its
// key and value stand: paths into a fact, and conditions over paths.
//
// Both are bounded in length, parts and depth, and evaluate in time proportional
// to their length: a promoter writes them and every fact pays for them.
package filter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Document is a fact as filters see it. Data is JSON, known to be valid: PostgreSQL's
// own. Only what a path names of it is ever decoded; most facts are large and most
// paths short.
type Document struct {
	Type, Key, Source string
	Data              []byte
}

// Limits of one path.
const (
	maxPathBytes = 200
	maxSegments  = 16
)

// Path names one value in a fact. It is immutable.
type Path struct {
	word     string // type, key or source; "" for a path into the data
	segments []segment
}

// segment is a member's name, or an index of a list.
type segment struct {
	name  string
	index int // −1 for a name
}

// pathFix is the advice for whoever wrote no path.
const pathFix = "write key, type, source, or a path into the data such as $.order.lines[0].sku or $['first name']"

// ParsePath reads a path: one of the words key, type and source, or a normalised
// JSONPath ($.name, $['name'], $[0]). Errors: fault.Invalid, field "path".
// Source: RFC 9535, singular queries, without negative indices.
func ParsePath(s string) (Path, error) {
	p := parser{in: s}
	path, err := p.path()
	if err == nil && p.pos < len(s) {
		err = p.bad("there is more after the path", pathFix)
	}
	if err != nil {
		return Path{}, rename(err, "path")
	}
	return path, nil
}

// path reads the path that comes next.
func (p *parser) path() (Path, error) {
	begun := p.pos
	for _, word := range []string{"key", "type", "source"} {
		if p.word() == word {
			p.pos += len(word)
			return Path{word: word}, nil
		}
	}
	if p.pos == len(p.in) || p.in[p.pos] != '$' {
		return Path{}, p.unexpected("a path", pathFix)
	}
	p.pos++
	var path Path
	for p.pos < len(p.in) && (p.in[p.pos] == '.' || p.in[p.pos] == '[') {
		s, err := p.segment()
		if err != nil {
			return Path{}, err
		}
		path.segments = append(path.segments, s)
		if len(path.segments) > maxSegments || p.pos-begun > maxPathBytes {
			return Path{}, p.bad(fmt.Sprintf("a path has more than %d parts or %d bytes", maxSegments, maxPathBytes), "name a value nearer to the root")
		}
	}
	return path, nil
}

func (p *parser) segment() (segment, error) {
	if p.in[p.pos] == '.' {
		p.pos++
		name := p.word()
		if name == "" {
			return segment{}, p.unexpected("a name after the .", "a name with other characters goes into brackets: $['first name']")
		}
		p.pos += len(name)
		return segment{name, -1}, nil
	}
	p.pos++
	s := segment{index: -1}
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		name, err := p.text()
		if err != nil {
			return segment{}, err
		}
		s.name = name
	case c >= '0' && c <= '9':
		end := p.pos
		for end < len(p.in) && p.in[end] >= '0' && p.in[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(p.in[p.pos:end])
		if err != nil || n > 9999 {
			return segment{}, p.bad("an index is too large", "at most 9999")
		}
		s.index, p.pos = n, end
	default:
		return segment{}, p.unexpected("a quoted name or an index", pathFix)
	}
	if !p.accept("]") {
		return segment{}, p.unexpected("]", "close the bracket")
	}
	return s, nil
}

// String is the path in its shortest form; it parses to the same path.
func (p Path) String() string {
	if p.word != "" {
		return p.word
	}
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.segments {
		switch {
		case s.index >= 0:
			fmt.Fprintf(&b, "[%d]", s.index)
		case wordLen(s.name) == len(s.name) && s.name != "":
			b.WriteString("." + s.name)
		default:
			b.WriteString("[" + quote(s.name) + "]")
		}
	}
	return b.String()
}

// Find gives the value at the path: string, bool, json.Number, nil, list or
// object; ok is false where the fact has none.
func (p Path) Find(d Document) (value any, ok bool) {
	at := p.at(d)
	if !at.Exists() {
		return nil, false
	}
	return decoded(at)
}

// at is the value at the path, undecoded; one that does not exist if there is none.
func (p Path) at(d Document) gjson.Result {
	switch p.word {
	case "key":
		return gjson.Result{Type: gjson.String, Str: d.Key}
	case "type":
		return gjson.Result{Type: gjson.String, Str: d.Type}
	case "source":
		return gjson.Result{Type: gjson.String, Str: d.Source}
	}
	at := gjson.ParseBytes(d.Data)
	for _, s := range p.segments {
		if at = s.of(at); !at.Exists() {
			break
		}
	}
	return at
}

// of is the member or element that the segment names; one that does not exist if there is none.
func (s segment) of(v gjson.Result) (found gjson.Result) {
	if s.index >= 0 && !v.IsArray() || s.index < 0 && !v.IsObject() {
		return found
	}
	i := -1
	v.ForEach(func(name, value gjson.Result) bool {
		i++
		if s.index >= 0 && i == s.index || s.index < 0 && name.String() == s.name {
			found = value
			return false
		}
		return true
	})
	return found
}

// decoded is a value as encoding/json would decode it into an any, numbers as json.Number.
func decoded(v gjson.Result) (value any, ok bool) {
	switch v.Type {
	case gjson.String:
		return v.Str, true
	case gjson.Number:
		return json.Number(v.Raw), true
	case gjson.True, gjson.False:
		return v.Bool(), true
	case gjson.Null:
		return nil, v.Exists()
	}
	dec := json.NewDecoder(strings.NewReader(v.Raw))
	dec.UseNumber()
	err := dec.Decode(&value)
	return value, err == nil
}

// Number is the value at the path as a finite number; ok is false where there is none.
func (p Path) Number(d Document) (float64, bool) {
	at := p.at(d)
	if at.Type != gjson.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(at.Raw, 64)
	return f, err == nil
}

// Text is the value at the path as text; ok is false where there is none, or it
// is a list or an object.
func (p Path) Text(d Document) (string, bool) {
	switch at := p.at(d); at.Type {
	case gjson.String:
		return at.Str, true
	case gjson.Number:
		return at.Raw, true
	case gjson.True, gjson.False:
		return strconv.FormatBool(at.Bool()), true
	}
	return "", false
}

// rename gives an error's field another name.
func rename(err error, field string) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // the parser's own, never wrapped
	if !ok || len(f.Fields) == 0 {
		return err
	}
	return fault.BadField(f.Op, field, f.Fields[0].Problem, f.Fix)
}
