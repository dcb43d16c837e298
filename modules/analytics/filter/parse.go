package filter

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Limits of one filter.
const (
	maxExprBytes  = 2048
	maxConditions = 40
	maxValues     = 200 // of all lists together
	maxDepth      = 16  // parentheses inside parentheses
)

const opParse = "filter.Parse"

// exprFix shows what a filter may hold.
const exprFix = `such as: $.total >= 50 && $.channel in ["app", "web"] && !exists($.test)`

// Parse reads a filter:
//
//	expr   = term *( "||" term )
//	term   = factor *( "&&" factor )
//	factor = *"!" ( "(" expr ")" | "exists(" path ")" | path op value | path "in" "[" value *( "," value ) "]" )
//	op     = "==" | "!=" | "<" | "<=" | ">" | ">="
//	value  = JSON string, number, true, false or null
//
// A blank text lets every fact through. At most 40 conditions, 200 values, 2,048
// bytes and 16 nested parentheses. Errors: fault.Invalid, field "filter", naming
// the byte (counted from 1), what was expected there and how to mend it.
func Parse(s string) (*Expr, error) {
	if len(s) > maxExprBytes {
		return nil, fault.BadField(opParse, "filter", fmt.Sprintf("of %d bytes is longer than %d", len(s), maxExprBytes), "count more, and filter what comes out")
	}
	p := parser{in: s}
	if p.peek() == 0 && p.pos == len(s) {
		return &Expr{}, nil
	}
	root, err := p.chain(or)
	if err != nil {
		return nil, err
	}
	if p.peek(); p.pos < len(s) {
		return nil, p.unexpected("&&, || or the end", exprFix)
	}
	return &Expr{root}, nil
}

type parser struct {
	in         string
	pos        int // of the next byte
	depth      int // open parentheses
	conditions int
	values     int
}

// peek skips blanks and shows the next byte; 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.in) {
		return 0
	}
	return p.in[p.pos]
}

// accept takes the token if it comes next.
func (p *parser) accept(token string) bool {
	p.peek()
	if !strings.HasPrefix(p.in[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	return true
}

// word is the run of name characters that comes next, without taking it.
func (p *parser) word() string { return p.in[p.pos : p.pos+wordLen(p.in[p.pos:])] }

// wordLen is how many bytes of s, from its beginning, can be a name without quotes.
func wordLen(s string) int {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80 && r != utf8.RuneError
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return i
		}
	}
	return len(s)
}

// chain reads operands joined by op, which is or (the outermost) or and.
func (p *parser) chain(op operator) (*node, error) {
	operand := p.factor
	if op == or {
		operand = func() (*node, error) { return p.chain(and) }
	}
	var kids []*node
	for {
		kid, err := operand()
		if err != nil {
			return nil, err
		}
		if kid.op == op { // (a && b) && c is one run
			kids = append(kids, kid.kids...)
		} else {
			kids = append(kids, kid)
		}
		if !p.accept(string(op)) {
			break
		}
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	return &node{op: op, kids: kids}, nil
}

// factor reads a condition or a group, with any number of ! before it.
func (p *parser) factor() (*node, error) {
	negated := false
	for p.accept("!") {
		negated = !negated
	}
	var n *node
	var err error
	if p.peek() == '(' {
		n, err = p.group()
	} else {
		n, err = p.condition()
	}
	switch {
	case err != nil || !negated:
		return n, err
	case n.op == not:
		return n.kids[0], nil
	}
	return &node{op: not, kids: []*node{n}}, nil
}

func (p *parser) group() (*node, error) {
	if p.depth == maxDepth {
		return nil, p.bad(fmt.Sprintf("parentheses more than %d deep", maxDepth), "take out those that && and || do not need: && binds tighter than ||")
	}
	open := p.pos
	p.pos++
	p.depth++
	n, err := p.chain(or)
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.unexpected(fmt.Sprintf("&&, || or the ) of the ( at byte %d", open+1), exprFix)
	}
	p.depth--
	return n, nil
}

func (p *parser) condition() (*node, error) {
	if p.conditions++; p.conditions > maxConditions {
		return nil, p.bad(fmt.Sprintf("more than %d conditions", maxConditions), "compare with a list: $.channel in [\"app\", \"web\"]")
	}
	if p.peek(); p.word() == "exists" {
		return p.existence()
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if p.peek(); p.word() == "in" {
		p.pos += len("in")
		return p.list(path)
	}
	for _, op := range comparisons {
		if p.accept(string(op)) {
			v, err := p.value()
			if err != nil {
				return nil, err
			}
			return &node{op: op, path: path, values: []any{v}}, nil
		}
	}
	return nil, p.unexpected("==, !=, <, <=, >, >= or in", exprFix)
}

func (p *parser) existence() (*node, error) {
	p.pos += len("exists")
	if !p.accept("(") {
		return nil, p.unexpected("( after exists", "exists($.test)")
	}
	p.peek()
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.unexpected(")", "exists($.test)")
	}
	return &node{op: exists, path: path}, nil
}

func (p *parser) list(path Path) (*node, error) {
	if !p.accept("[") {
		return nil, p.unexpected("[ after in", exprFix)
	}
	n := &node{op: in, path: path}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
		if p.accept("]") {
			return n, nil
		}
		if !p.accept(",") {
			return nil, p.unexpected(", or ]", exprFix)
		}
	}
}

// value reads a JSON scalar.
func (p *parser) value() (any, error) {
	if p.values++; p.values > maxValues {
		return nil, p.bad(fmt.Sprintf("more than %d values", maxValues), "let the sender mark what belongs together")
	}
	if c := p.peek(); c == '"' || c == '\'' {
		return p.text()
	}
	end := p.pos
	for end < len(p.in) && strings.IndexByte(" \t\r\n,])(&|!=<>[\"'", p.in[end]) < 0 {
		end++
	}
	word := p.in[p.pos:end]
	scalars := map[string]any{"true": true, "false": false, "null": nil}
	if v, ok := scalars[word]; ok {
		p.pos = end
		return v, nil
	}
	var n json.Number
	if json.Unmarshal([]byte(word), &n) != nil || n == "" {
		return nil, p.unexpected(`a "text", a number, true, false or null`, exprFix)
	}
	if _, err := n.Float64(); err != nil {
		return nil, p.bad("a number is too large", "numbers end at 1.7e308")
	}
	p.pos = end
	return n, nil
}

// text reads a quoted text with JSON's escapes; single quotes do as well.
func (p *parser) text() (string, error) {
	quote := p.in[p.pos]
	end := p.pos + 1
	for end < len(p.in) && p.in[end] != quote {
		if p.in[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.in) {
		return "", p.bad("a text has no end", "close the quotes")
	}
	inner := p.in[p.pos+1 : end]
	if quote == '\'' {
		inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\'`, `'`), `"`, `\"`)
	}
	var s string
	if json.Unmarshal([]byte(`"`+inner+`"`), &s) != nil {
		return "", p.bad("a text holds an unknown escape", `as in JSON: \" \\ \n \u00e9`)
	}
	p.pos = end + 1
	return s, nil
}

func (p *parser) unexpected(expected, fix string) error {
	found := "the end"
	if p.pos < len(p.in) {
		r, _ := utf8.DecodeRuneInString(p.in[p.pos:])
		found = fmt.Sprintf("%q", string(r))
		if w := p.word(); w != "" {
			found = fmt.Sprintf("%q", w[:min(len(w), 40)])
		}
	}
	return p.bad("expected "+expected+", found "+found, fix)
}

func (p *parser) bad(problem, fix string) error {
	return fault.BadField(opParse, "filter", fmt.Sprintf("at byte %d: %s", p.pos+1, problem), fix)
}
