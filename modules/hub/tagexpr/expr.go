package tagexpr

import "strings"

// Expr is a parsed tag expression. It is immutable and safe for concurrent use.
type Expr struct {
	root *node // nil: everyone
}

type operator byte

const (
	leaf operator = iota
	not
	and
	or
)

// node is one step of an expression. Runs of one operator are one node, `!!x`
// is x, so equal expressions differ at most in the order of their operands.
type node struct {
	op   operator
	tag  string // leaf: in lower case
	kids []*node
}

// Everyone reports whether the expression is empty and so matches all.
func (e *Expr) Everyone() bool { return e.root == nil }

// Complement gives what a top-level ! negates: `!vip` is everyone but `vip`. A
// small complement is far cheaper to count than the audience itself.
func (e *Expr) Complement() (*Expr, bool) {
	if e.root == nil || e.root.op != not {
		return nil, false
	}
	return &Expr{root: e.root.kids[0]}, true
}

// Match evaluates the expression for one installation. tags reports whether it
// has a tag; it is asked in lower case, also for its own `$installationid:{id}`,
// `$userid:{id}` and `$segment:{id}`.
func (e *Expr) Match(tags func(tag string) bool) bool {
	return e.root == nil || e.root.match(tags)
}

func (n *node) match(tags func(string) bool) bool {
	switch n.op {
	case leaf:
		return tags(n.tag)
	case not:
		return !n.kids[0].match(tags)
	}
	// a && … ends at the first false, a || … at the first true.
	for _, k := range n.kids {
		if k.match(tags) == (n.op == or) {
			return n.op == or
		}
	}
	return n.op == and
}

// Tags lists the tags the expression names, in lower case and in the order of
// their first appearance.
func (e *Expr) Tags() []string {
	var tags []string
	seen := map[string]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if n.op == leaf && !seen[n.tag] {
			seen[n.tag] = true
			tags = append(tags, n.tag)
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	if e.root != nil {
		walk(e.root)
	}
	return tags
}

// String is the canonical form: lower-case tags, no blanks, no parentheses that
// are not needed. It parses to an equal expression and is never longer than what
// was parsed, so it stays within the limits. Everyone is "".
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
	case leaf:
		writeTag(b, n.tag)
	case not:
		b.WriteByte('!')
		n.kids[0].writeWithin(b, not)
	case and, or:
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(n.op.symbol())
			}
			k.writeWithin(b, n.op)
		}
	}
}

// writeWithin puts n in parentheses if it binds less tightly than its parent.
func (n *node) writeWithin(b *strings.Builder, parent operator) {
	if n.op <= parent {
		n.write(b)
		return
	}
	b.WriteByte('(')
	n.write(b)
	b.WriteByte(')')
}

func (o operator) symbol() string {
	if o == and {
		return "&&"
	}
	return "||"
}

func writeTag(b *strings.Builder, tag string) {
	for _, prefix := range prefixes {
		if hasPrefixFold(tag, prefix) {
			b.WriteString(prefix)
			tag = tag[len(prefix):]
		}
	}
	b.WriteString(tag)
}
