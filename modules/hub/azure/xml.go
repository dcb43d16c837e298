package azure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Bounds of a document that strangers send.
const (
	maxDepth = 12
	maxNodes = 2000
)

// element is one element of a document; names are without their name space.
type element struct {
	name string
	text string // the character data right inside, CDATA included
	kids []*element
	null bool // i:nil="true"
}

// parseXML reads a document: UTF-8, no document type, so no entities but XML's own.
// Errors: fault.Invalid with the line.
func parseXML(data []byte) (*element, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	// .NET's writers call their text "utf-16" although it is sent as UTF-8.
	dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "utf-16") || strings.EqualFold(label, "us-ascii") {
			return in, nil
		}
		return nil, errors.New("the encoding " + label + " is not taken: write UTF-8")
	}
	top := &element{}
	open, nodes := []*element{top}, 0
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badXML(dec, strings.TrimPrefix(err.Error(), "XML syntax error on "))
		}
		if open, err = grow(open, t, &nodes); err != nil {
			return nil, badXML(dec, err.Error())
		}
	}
	if len(top.kids) != 1 {
		return nil, fault.E("azure.XML", fault.Invalid, "the body is no XML document", nil).WithFix("send one Atom entry")
	}
	return top.kids[0], nil
}

// grow adds a token to the innermost open element.
func grow(open []*element, t xml.Token, nodes *int) ([]*element, error) {
	inner := open[len(open)-1]
	switch t := t.(type) {
	case xml.StartElement:
		if *nodes++; *nodes > maxNodes || len(open) > maxDepth {
			return nil, fmt.Errorf("more than %d elements, or %d inside each other", maxNodes, maxDepth)
		}
		e := &element{name: t.Name.Local}
		for _, a := range t.Attr {
			e.null = e.null || a.Name.Local == "nil" && a.Value == "true"
		}
		inner.kids = append(inner.kids, e)
		return append(open, e), nil
	case xml.EndElement:
		return open[:len(open)-1], nil
	case xml.CharData:
		inner.text += string(t)
	case xml.Directive:
		return nil, errors.New("a document type is not taken")
	}
	return open, nil
}

func badXML(dec *xml.Decoder, problem string) error {
	line, column := dec.InputPos()
	return fault.E("azure.XML", fault.Invalid, fmt.Sprintf("the body is not valid XML at line %d, column %d: %s", line, column, problem), nil).
		WithFix("send one well-formed document in UTF-8")
}

// kid is the first child of that name; nil when there is none, or it is nil.
func (e *element) kid(name string) *element {
	if e == nil {
		return nil
	}
	for _, k := range e.kids {
		if k.name == name && !k.null {
			return k
		}
	}
	return nil
}

// value is the trimmed text of a child; "" when there is none.
func (e *element) value(name string) string {
	if k := e.kid(name); k != nil {
		return strings.TrimSpace(k.text)
	}
	return ""
}

// inside finds the first element below whose name ends so, in any depth.
func (e *element) inside(suffix string) *element {
	if strings.HasSuffix(e.name, suffix) {
		return e
	}
	for _, k := range e.kids {
		if found := k.inside(suffix); found != nil {
			return found
		}
	}
	return nil
}

// Name spaces of the protocol.
const (
	nsAtom     = "http://www.w3.org/2005/Atom"
	nsConnect  = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
	nsMetadata = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
	nsArrays   = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
)

// document writes XML. What it is given is escaped; names are the program's own.
type document struct{ b strings.Builder }

// open begins an element; attributes are name, value, name, value, …
func (d *document) open(name string, attributes ...string) {
	d.b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		d.b.WriteString(" " + attributes[i] + `="` + escapeXML(attributes[i+1]) + `"`)
	}
	d.b.WriteByte('>')
}

func (d *document) close(name string) { d.b.WriteString("</" + name + ">") }

// put writes an element with text.
func (d *document) put(name, text string, attributes ...string) {
	d.open(name, attributes...)
	d.b.WriteString(escapeXML(text))
	d.close(name)
}

// maybe is put for a text that may be missing.
func (d *document) maybe(name, text string) {
	if text != "" {
		d.put(name, text)
	}
}

// plainXML are the five entities of XML: clients' parsers know these, not all of them
// numbers. A carriage return would be lost without its number.
var plainXML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;")

// escapeXML writes any text; characters that XML cannot hold become U+FFFD.
func escapeXML(s string) string {
	return plainXML.Replace(strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '\uFFFD'
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

func (d *document) String() string { return d.b.String() }
