package tagexpr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Limits of one expression, for every shape.
const (
	maxExprBytes = 4096
	maxExprTags  = 60 // counted as often as they are named
	maxExprDepth = 16 // parentheses inside parentheses
)

const opParse = "tagexpr.Parse"

// Parse reads a tag expression:
//
//	expr   = term *( "||" term )
//	term   = factor *( "&&" factor )
//	factor = *"!" ( tag | "(" expr ")" )
//
// with blanks allowed between the words and tags as in ValidTag. A blank string
// is everyone. At most 60 tags, 4,096 bytes and 16 nested parentheses.
//
// Errors: fault.Invalid, field "tags", naming the byte (counted from 1), what
// was expected there and how to mend it.
func Parse(s string) (*Expr, error) {
	if len(s) > maxExprBytes {
		return nil, fault.BadField(opParse, "tags",
			fmt.Sprintf("an expression of %d bytes is longer than %d", len(s), maxExprBytes),
			"give the audience a tag of its own and name that one")
	}
	p := parser{in: s}
	if p.peek() == 0 && p.pos == len(s) {
		return &Expr{}, nil
	}
	root, err := p.chain(or)
	if err != nil {
		return nil, err
	}
	if p.pos < len(s) {
		return nil, p.unexpected("&&, || or the end", p.joinFix())
	}
	return &Expr{root: root}, nil
}

type parser struct {
	in    string
	pos   int // of the next byte
	depth int // open parentheses
	tags  int // tags seen
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

// accept takes the word if it comes next.
func (p *parser) accept(word string) bool {
	p.peek()
	if !strings.HasPrefix(p.in[p.pos:], word) {
		return false
	}
	p.pos += len(word)
	return true
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
		if !p.accept(op.symbol()) {
			break
		}
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	return &node{op: op, kids: kids}, nil
}

// factor reads a tag or a group, with any number of ! before it.
func (p *parser) factor() (*node, error) {
	negated := false
	for p.accept("!") {
		negated = !negated
	}
	n, err := p.primary()
	switch {
	case err != nil || !negated:
		return n, err
	case n.op == not:
		return n.kids[0], nil
	}
	return &node{op: not, kids: []*node{n}}, nil
}

func (p *parser) primary() (*node, error) {
	if p.peek() == '(' {
		return p.group()
	}
	n := scanTag(p.in[p.pos:])
	tag := p.in[p.pos : p.pos+n]
	p.tags++
	switch {
	case n == 0:
		return nil, p.unexpected("a tag, ! or (", "write a tag here: "+tagRule)
	case n > MaxTagLen:
		return nil, p.bad(fmt.Sprintf("a tag of %d characters is longer than %d", n, MaxTagLen), tagRule)
	case p.tags > maxExprTags:
		return nil, p.bad(fmt.Sprintf("more than %d tags", maxExprTags),
			"give the audience a tag of its own and name that one")
	}
	p.pos += n
	return &node{op: leaf, tag: Normal(tag)}, nil
}

func (p *parser) group() (*node, error) {
	if p.depth == maxExprDepth {
		return nil, p.bad(fmt.Sprintf("parentheses more than %d deep", maxExprDepth),
			"take out the parentheses that && and || do not need: && binds tighter than ||")
	}
	open := p.pos
	p.pos++
	p.depth++
	n, err := p.chain(or)
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.unexpected("&&, || or the ) of the ( at byte "+fmt.Sprint(open+1), p.joinFix())
	}
	p.depth--
	return n, nil
}

// joinFix is the advice where an operator is missing.
func (p *parser) joinFix() string {
	if p.peek() == ')' {
		return "remove this ) or write its ( before it"
	}
	return "join tags with && or ||, as in: vip && (berlin || hamburg) && !crew"
}

func (p *parser) unexpected(expected, fix string) error {
	found := "the end"
	if c := p.peek(); c != 0 || p.pos < len(p.in) {
		r, _ := utf8.DecodeRuneInString(p.in[p.pos:])
		found = fmt.Sprintf("%q", string(r))
		if n := scanTag(p.in[p.pos:]); n > 0 {
			found = fmt.Sprintf("%q", p.in[p.pos:p.pos+min(n, 40)])
		}
	}
	return p.bad("expected "+expected+", found "+found, fix)
}

func (p *parser) bad(problem, fix string) error {
	return fault.BadField(opParse, "tags", fmt.Sprintf("at byte %d: %s", p.pos+1, problem), fix)
}
