// Package template renders the body of a notification for one reader.
//
// A body is JSON or XML. A whole JSON string value, XML text node or XML
// attribute value may be an expression; everything else is copied as it is:
//
//	value = literal | expr
//	expr  = token *( "+" token ) | "{" token *( "+" token ) "}"
//	token = "$(" prop [dflt] ["," n] ")"      ; text, clipped to n characters
//	      | ".(" prop [dflt] "," n ")"        ; text, clipped with "..." to n in all
//	      | "%(" prop [dflt] ")"              ; URI-encoded
//	      | "#(" prop [dflt] ")"              ; a JSON number without quotes; never with +
//	      | "@(" prop [dflt] "," format ")"   ; in the reader's own notation
//	      | "'" text "'" | '"' text '"'       ; a quote is doubled to escape it
//	dflt  = ":{" any "}"                      ; \ escapes }
//	prop  = 1*120( letter | digit | "_" )
//	format = "currency" | "temperature" | "length" | "number" | "date" | "time"
//
// The first character of the value decides whether it is an expression: one of
// $ . % # { or the two characters "@(". All but @( is the language of Azure
// Notification Hubs, so its templates keep their meaning.
//
// A template is parsed once, the properties of a notification are prepared once
// (NewProps) and seen once by each kind of reader (Props.For); what is left for
// each message is Append.
package template

import (
	"bytes"
	"errors"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Template is a parsed body. It is immutable and safe for concurrent use.
type Template struct {
	steps    []step
	tail     string // what follows the last step
	escape   func(dst []byte, s string) []byte
	json     bool
	props    []string
	warnings []string
}

// step copies lead, then prints a property.
type step struct {
	lead string
	token
}

// Parse compiles a body: XML if its first character is <, JSON otherwise.
// body is not kept. Errors: fault.Invalid, whose field is "body" or the path of
// the value in it ("body.aps.alert"), with the place and how to mend it.
func Parse(body []byte) (*Template, error) {
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) == 0 {
		return nil, badBody("body", "it is empty", `write a JSON object, as in {"aps":{"alert":"$(message)"}}`)
	}
	if err := checkUTF8(body); err != nil {
		return nil, err
	}
	if start[0] == '<' {
		return parseXML(body)
	}
	return parseJSON(body)
}

// Warnings says, in sentences for whoever registers the template, what is
// allowed but probably not meant, such as the literal "Hello $(name)".
func (t *Template) Warnings() []string { return slices.Clone(t.warnings) }

// Props lists the properties the template asks for, in lower case and in the
// order of their first appearance.
func (t *Template) Props() []string { return slices.Clone(t.props) }

// Append renders the template for a reader and appends it to dst, allocating
// only to make dst larger.
//
// own gives an attribute of the installation itself, by its name in lower case;
// it is asked for what the notification does not say, and may be nil. Then the
// token's default is used, then "". A JSON body renders to valid JSON and an XML
// body to well-formed XML whatever the values hold.
func (t *Template) Append(dst []byte, v *View, own func(name string) (string, bool)) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		dst = append(dst, s.lead...)
		dst = t.print(dst, &s.token, v, v.lookup(&s.token, own))
	}
	return append(dst, t.tail...)
}

func (t *Template) print(dst []byte, tok *token, v *View, val value) []byte {
	switch tok.kind {
	case dotted:
		kept, dots := clipDotted(val.text, tok.limit)
		return append(t.escape(dst, kept), dots...)
	case encoded:
		return appendURI(dst, val.text)
	case typed:
		if out, ok := v.appendFormat(dst, tok.format, val.text); ok {
			return out
		}
	case numeric:
		return t.printNumber(dst, val)
	}
	return t.escape(dst, clip(val.text, tok.limit))
}

// printNumber prints what stands without quotes in a JSON body.
func (t *Template) printNumber(dst []byte, val value) []byte {
	switch {
	case !t.json:
		return t.escape(dst, val.text)
	case val.number:
		return append(dst, val.text...)
	}
	dst = append(dst, '"')
	return append(t.escape(dst, val.text), '"')
}

// compiler collects the steps of a template while a walker reads its body.
type compiler struct {
	Template
	lead []byte // literal text since the last step
}

// literal adds a run that is copied as it is.
func (c *compiler) literal(run []byte) { c.lead = append(c.lead, run...) }

// tokens adds the parts of an expression.
func (c *compiler) tokens(tokens []token) {
	for _, tok := range tokens {
		if tok.kind == quoted {
			c.lead = c.escape(c.lead, tok.text)
			continue
		}
		c.steps = append(c.steps, step{lead: string(c.lead), token: tok})
		c.lead = c.lead[:0]
		if !slices.Contains(c.props, tok.prop) {
			c.props = append(c.props, tok.prop)
		}
	}
}

// place names where in the body a value stands.
type place struct{ field, detail string }

// value takes a whole string value apart. isTokens is false for a literal, about
// which it may warn.
func (c *compiler) value(at func() place, s string) (tokens []token, isTokens bool, err error) {
	if !isExpr(s) {
		if hidesExpr(s) {
			c.warnings = append(c.warnings, at().field+": "+excerpt(s)+at().detail+" is sent as it stands, for an expression must be "+
				"the whole value; join text and properties in braces, as in {'Hello ' + $(name)}")
		}
		return nil, false, nil
	}
	tokens, err = parseExpr(s)
	if e, ok := errors.AsType[*exprError](err); ok {
		return nil, false, badBody(at().field, e.problem+" in "+excerpt(s)+at().detail, e.fix)
	}
	return tokens, true, err
}

// excerpt quotes a value of the body in a message.
func excerpt(s string) string {
	if kept := clip(s, 80); len(kept) < len(s) {
		s = kept + "…"
	}
	return `"` + s + `"`
}

func (c *compiler) finish() *Template {
	c.tail = string(c.lead)
	return &c.Template
}

func badBody(field, problem, fix string) error {
	return fault.BadField("template.Parse", field, problem, fix)
}
