package tagexpr

import (
	"strconv"
	"strings"
)

// Columns are the SQL expressions a condition is built over. They are inserted
// as they are, so they must never come from outside.
type Columns struct {
	Tags           string // text[], not null, in lower case, with a GIN index
	InstallationID string // text, not null, in lower case: "lower(i.id)" if it is stored otherwise
	UserID         string // text in lower case; null for an installation without a user
	Members        string // table of users (person text, in lower case) by segment (segment text)
}

// SQL compiles the expression to a PostgreSQL condition that is true for exactly
// the rows that Match accepts, and never null.
//
// first is the number of its first placeholder; args holds a []string for tags
// and a string for an id. Runs of plain tags become one array operator, which
// the GIN index answers: && is `tags @> $n`, || is `tags && $n`. Everyone is TRUE.
func (e *Expr) SQL(c Columns, first int) (where string, args []any) {
	if e.root == nil {
		return "TRUE", nil
	}
	w := sqlWriter{columns: c, first: first}
	w.node(e.root)
	return w.b.String(), w.args
}

type sqlWriter struct {
	columns Columns
	first   int
	b       strings.Builder
	args    []any
}

// placeholder binds an argument and writes its $n.
func (w *sqlWriter) placeholder(arg any) {
	w.b.WriteString("$" + strconv.Itoa(w.first+len(w.args)))
	w.args = append(w.args, arg)
}

func (w *sqlWriter) node(n *node) {
	switch n.op {
	case leaf:
		w.leaf(n.tag)
	case not:
		w.b.WriteString("NOT (")
		w.node(n.kids[0])
		w.b.WriteByte(')')
	default:
		w.run(n)
	}
}

func (w *sqlWriter) leaf(tag string) {
	if id, ok := idIn(tag, installationPrefix); ok {
		w.b.WriteString(w.columns.InstallationID + " = ")
		w.placeholder(id)
		return
	}
	if id, ok := idIn(tag, userPrefix); ok {
		// The first half keeps NOT (…) true for rows without a user; an index still serves the second.
		w.b.WriteString("(" + w.columns.UserID + " IS NOT NULL AND " + w.columns.UserID + " = ")
		w.placeholder(id)
		w.b.WriteByte(')')
		return
	}
	if segment, ok := idIn(tag, segmentPrefix); ok {
		w.b.WriteString("(" + w.columns.UserID + " IS NOT NULL AND " + w.columns.UserID + " IN (SELECT person FROM " + w.columns.Members + " WHERE segment = ")
		w.placeholder(segment)
		w.b.WriteString("))")
		return
	}
	w.array(and, []string{tag})
}

// array tests several plain tags at once: all of them (and) or any (or).
func (w *sqlWriter) array(op operator, tags []string) {
	w.b.WriteString(w.columns.Tags)
	if op == and {
		w.b.WriteString(" @> ")
	} else {
		w.b.WriteString(" && ")
	}
	w.placeholder(tags)
}

// run writes an && or || node: its plain tags as one array test, then the rest.
func (w *sqlWriter) run(n *node) {
	var plain []string
	var rest []*node
	for _, k := range n.kids {
		if k.op == leaf && k.tag[0] != '$' {
			plain = append(plain, k.tag)
		} else {
			rest = append(rest, k)
		}
	}
	joiner := " AND "
	if n.op == or {
		joiner = " OR "
	}
	w.b.WriteByte('(')
	if len(plain) > 0 {
		w.array(n.op, plain)
	}
	for i, k := range rest {
		if i > 0 || len(plain) > 0 {
			w.b.WriteString(joiner)
		}
		w.node(k)
	}
	w.b.WriteByte(')')
}
