package filter

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Expr is a parsed filter. It is immutable and safe for concurrent use.
type Expr struct {
	root *node // nil: every fact
}

type operator string

const (
	or     operator = "||"
	and    operator = "&&"
	not    operator = "!"
	exists operator = "exists"
	in     operator = "in"
	equal  operator = "=="
	differ operator = "!="
	less   operator = "<"
	most   operator = "<="
	more   operator = ">"
	least  operator = ">="
)

// comparisons, the longer before what they begin with.
var comparisons = []operator{equal, differ, most, least, less, more}

// node is a condition: its kids joined by || or &&, negated, or a comparison of a path.
type node struct {
	op     operator
	kids   []*node
	path   Path
	values []any // what the path is compared with: string, json.Number, bool or nil
}

// Match reports whether the filter lets the fact through. A value that is absent
// is equal to nothing and different from everything; only numbers with numbers
// and texts with texts have an order.
// Source: RFC 9535, section 2.3.5.2.2, comparisons.
func (e *Expr) Match(d Document) bool { return e.root == nil || e.root.match(d) }

func (n *node) match(d Document) bool {
	switch n.op {
	case or, and:
		for _, k := range n.kids {
			if k.match(d) == (n.op == or) {
				return n.op == or
			}
		}
		return n.op == and
	case not:
		return !n.kids[0].match(d)
	}
	found, there := n.path.Find(d)
	switch n.op {
	case exists:
		return there
	case equal, in:
		return there && n.equalsAny(found)
	case differ:
		return !there || !n.equalsAny(found)
	}
	order, ordered := compare(found, n.values[0])
	if !there || !ordered {
		return false
	}
	switch n.op {
	case less:
		return order < 0
	case most:
		return order <= 0
	case more:
		return order > 0
	}
	return order >= 0
}

func (n *node) equalsAny(found any) bool {
	for _, v := range n.values {
		if order, ordered := compare(found, v); ordered && order == 0 {
			return true
		}
		switch found.(type) {
		case nil, bool:
			if found == v {
				return true
			}
		}
	}
	return false
}

// compare orders two numbers or two texts.
func compare(a, b any) (order int, ordered bool) {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		if x == y { // an id may have more digits than a float keeps
			return 0, true
		}
		f, err := x.Float64()
		g, err2 := y.Float64()
		switch {
		case err != nil || err2 != nil:
			return 0, false
		case f < g:
			return -1, true
		case f > g:
			return 1, true
		}
		return compareDigits(x, y), true
	}
	return 0, false
}

// compareDigits tells whole numbers apart that are the same as floats.
func compareDigits(x, y json.Number) int {
	a, err := strconv.ParseInt(string(x), 10, 64)
	b, err2 := strconv.ParseInt(string(y), 10, 64)
	switch {
	case err != nil || err2 != nil || a == b:
		return 0
	case a < b:
		return -1
	}
	return 1
}

// String is the canonical form, without parentheses that are not needed. It
// parses to an equal filter. The filter that lets everything through is "".
func (e *Expr) String() string {
	if e.root == nil {
		return ""
	}
	var b strings.Builder
	e.root.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	switch n.op {
	case or, and:
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(" " + string(n.op) + " ")
			}
			k.writeWithin(b, k.op == or)
		}
	case not:
		b.WriteByte('!')
		n.kids[0].writeWithin(b, n.kids[0].op != exists)
	case exists:
		b.WriteString("exists(" + n.path.String() + ")")
	case in:
		b.WriteString(n.path.String() + " in [")
		for i, v := range n.values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(literal(v))
		}
		b.WriteByte(']')
	default:
		b.WriteString(n.path.String() + " " + string(n.op) + " " + literal(n.values[0]))
	}
}

func (n *node) writeWithin(b *strings.Builder, group bool) {
	if !group {
		n.write(b)
		return
	}
	b.WriteByte('(')
	n.write(b)
	b.WriteByte(')')
}

func literal(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

// quote writes a text as JSON, leaving <, > and & as they are.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
