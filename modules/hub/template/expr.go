package template

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind says how a token's value is printed.
type kind byte

const (
	quoted  kind = iota // 'text': printed as it is
	plain               // $(p) and $(p, n)
	dotted              // .(p, n)
	encoded             // %(p)
	numeric             // #(p)
	typed               // @(p, format)
)

// token is one part of an expression. Tokens joined by + make a composite.
type token struct {
	kind   kind
	text   string // quoted: what it says
	prop   string // the others: property name, lower case
	dflt   value  // printed when nobody has the property
	limit  int    // characters at most; unlimited if there is no n
	format format // typed only
}

const (
	unlimited  = 1<<31 - 1
	maxPropLen = 120
)

// exprError is what is wrong with an expression, before the walker adds where
// in the body it stands.
type exprError struct{ problem, fix string }

func (e *exprError) Error() string { return e.problem }

// isExpr reports whether a whole string value is an expression: its first
// character decides. Ours begins with two, so that an imported literal such as
// "@everyone" stays one.
func isExpr(s string) bool {
	return s != "" && strings.IndexByte("$.%#{", s[0]) >= 0 || strings.HasPrefix(s, "@(")
}

// hidesExpr reports whether a literal seems to have been meant as an expression.
func hidesExpr(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] != '(' || strings.IndexByte("$.%#@", s[i-1]) < 0 {
			continue
		}
		name := s[i+1:]
		n := propLen(name)
		if n > 0 && n < len(name) && strings.IndexByte("):,", name[n]) >= 0 {
			return true
		}
	}
	return false
}

// parseExpr reads a whole string value that isExpr, after the grammar in the
// package documentation. Errors: *exprError.
func parseExpr(s string) ([]token, error) {
	p := exprParser{in: s}
	composite := p.accept('{')
	var tokens []token
	for {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if !p.accept('+') {
			break
		}
	}
	if composite && !p.accept('}') {
		return nil, p.expected("+ or }")
	}
	if p.skipBlanks(); p.pos < len(p.in) {
		if composite {
			return nil, p.expected("the end after }")
		}
		return nil, p.expected("+ or the end")
	}
	for _, t := range tokens {
		if t.kind == numeric && len(tokens) > 1 {
			return nil, &exprError{"#(" + t.prop + ") cannot be joined with +, for a number stands alone", "write $(" + t.prop + ") instead"}
		}
	}
	return tokens, nil
}

type exprParser struct {
	in  string
	pos int
}

func (p *exprParser) skipBlanks() {
	for p.pos < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.pos]) >= 0 {
		p.pos++
	}
}

// accept takes the byte if it comes next, after blanks.
func (p *exprParser) accept(c byte) bool {
	p.skipBlanks()
	if p.pos == len(p.in) || p.in[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *exprParser) token() (token, error) {
	for _, quote := range []byte{'\'', '"'} {
		if p.accept(quote) {
			return p.quoted(quote)
		}
	}
	for i, sigil := range []byte("$.%#@") {
		if p.accept(sigil) {
			return p.property(plain + kind(i))
		}
	}
	return token{}, p.expected("$( .( %( #( @( or a quote")
}

// quoted reads up to the closing quote; a doubled one stands for itself.
func (p *exprParser) quoted(quote byte) (token, error) {
	open := p.pos
	var said strings.Builder
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		p.pos++
		if c != quote {
			said.WriteByte(c)
			continue
		}
		if p.pos == len(p.in) || p.in[p.pos] != quote {
			return token{kind: quoted, text: said.String()}, nil
		}
		said.WriteByte(quote)
		p.pos++
	}
	return token{}, &exprError{
		fmt.Sprintf("the quote at character %d is not closed", p.column(open-1)),
		"close the text with " + string(quote) + "; inside the text, write it twice",
	}
}

// property reads what follows the sigil: "(" prop [":{" dflt "}"] ["," n or format] ")".
func (p *exprParser) property(k kind) (t token, err error) {
	t = token{kind: k, limit: unlimited}
	if !p.accept('(') {
		return t, p.expected("( after " + p.in[p.pos-1:p.pos])
	}
	p.skipBlanks()
	n := propLen(p.in[p.pos:])
	t.prop = strings.ToLower(p.in[p.pos : p.pos+n])
	if n == 0 || utf8.RuneCountInString(p.in[p.pos:p.pos+n]) > maxPropLen {
		return t, p.expectedFix("a property name of 1 to 120 characters", "a name has only letters, digits and _")
	}
	p.pos += n
	if t.dflt, err = p.dflt(); err != nil {
		return t, err
	}
	if err := p.argument(&t); err != nil {
		return t, err
	}
	if p.accept(')') {
		return t, nil
	}
	return t, p.expectedFix(") after the property "+t.prop, "a name has only letters, digits and _")
}

// dflt reads the default, if there is one; `\}` in it stands for `}`.
func (p *exprParser) dflt() (value, error) {
	if !p.accept(':') {
		return value{}, nil
	}
	if p.pos == len(p.in) || p.in[p.pos] != '{' {
		return value{}, p.expectedFix("{ after :", "write a default as :{text}, as in $(name:{friend})")
	}
	rest := p.in[p.pos+1:]
	for i := 0; i < len(rest); i++ {
		switch {
		case strings.HasPrefix(rest[i:], `\}`):
			i++
		case rest[i] == '}':
			p.pos += i + 2
			return newValue(strings.ReplaceAll(rest[:i], `\}`, `}`)), nil
		}
	}
	return value{}, &exprError{
		fmt.Sprintf("the default at character %d is not closed", p.column(p.pos)),
		`end a default with }; a } in its text is written \}`,
	}
}

// argument reads the comma and what follows, as far as the kind takes one.
func (p *exprParser) argument(t *token) (err error) {
	comma := p.accept(',')
	switch {
	case t.kind == typed && !comma:
		return &exprError{"@(" + t.prop + ") does not say how to print it", "name a format, as in @(" + t.prop + ", currency): " + formatNames}
	case t.kind == typed:
		t.format, err = p.format()
	case t.kind == dotted && !comma:
		return &exprError{".(" + t.prop + ") has no length", "say how many characters fit: .(" + t.prop + ", 20)"}
	case comma && (t.kind == encoded || t.kind == numeric):
		sigil := map[kind]string{encoded: "%(", numeric: "#("}[t.kind]
		return &exprError{sigil + t.prop + ") takes no length", "write " + sigil + t.prop + ")"}
	case comma:
		t.limit, err = p.limit()
	}
	return err
}

func (p *exprParser) limit() (int, error) {
	p.skipBlanks()
	end := p.pos
	for end < len(p.in) && '0' <= p.in[end] && p.in[end] <= '9' {
		end++
	}
	if end == p.pos {
		return 0, p.expectedFix("a number of characters", "a length is a whole number, as in $(title, 20)")
	}
	n, err := strconv.ParseInt(p.in[p.pos:end], 10, 32)
	if err != nil {
		n = unlimited // longer than any message
	}
	p.pos = end
	return int(n), nil
}

func (p *exprParser) format() (format, error) {
	p.skipBlanks()
	n := propLen(p.in[p.pos:])
	f, ok := formats[strings.ToLower(p.in[p.pos:p.pos+n])]
	if !ok {
		return 0, p.expectedFix("a format", "the formats are "+formatNames)
	}
	p.pos += n
	return f, nil
}

// propLen is the number of bytes of the property name that s begins with.
func propLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func (p *exprParser) expected(what string) error {
	literal := "{'…'} with every quote in it doubled"
	if len(p.in) <= 80 {
		literal = "{'" + strings.ReplaceAll(p.in, "'", "''") + "'}"
	}
	return p.expectedFix(what, "join text and properties in braces, as in {'Hi, ' + $(name)}; "+
		"to print it as it is, write "+literal)
}

func (p *exprParser) expectedFix(what, fix string) error {
	p.skipBlanks()
	found := "the end"
	if p.pos < len(p.in) {
		r, _ := utf8.DecodeRuneInString(p.in[p.pos:])
		found = strconv.Quote(string(r))
	}
	return &exprError{fmt.Sprintf("expected %s at character %d, found %s", what, p.column(p.pos), found), fix}
}

// column counts characters from 1: in an escaped string, bytes would mislead.
func (p *exprParser) column(pos int) int { return utf8.RuneCountInString(p.in[:pos]) + 1 }
