package template

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlWalker passes over a well-formed XML text once, from mark to mark.
type xmlWalker struct {
	compiler
	body   []byte
	copied int // body[:copied] is compiled
}

func parseXML(body []byte) (*Template, error) {
	if err := checkXML(body); err != nil {
		return nil, err
	}
	w := xmlWalker{body: body}
	w.escape = appendXML
	for pos := 0; pos < len(body); {
		mark := bytes.IndexByte(body[pos:], '<')
		if mark < 0 {
			break
		}
		if err := w.node(pos, pos+mark); err != nil {
			return nil, err
		}
		end, err := w.markup(pos + mark)
		if err != nil {
			return nil, err
		}
		pos = end
	}
	w.literal(body[w.copied:])
	return w.finish(), nil
}

// checkXML has the standard parser read the whole body, and asks for one root.
// A DOCTYPE is refused: it could define entities.
func checkXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, roots := 0, 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badXML(err.Error(), d)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return badXML("a <! directive is not allowed", d)
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(tok)) > 0 {
				return badXML("there is text outside of the root element", d)
			}
		}
	}
	if roots != 1 {
		return badXML(fmt.Sprintf("it has %d root elements", roots), d)
	}
	return nil
}

func badXML(problem string, d *xml.Decoder) error {
	return badBody("body", fmt.Sprintf("it is not XML: %s, before byte %d", problem, d.InputOffset()+1),
		"write one root element, close every element, quote every attribute, and leave out DOCTYPE")
}

// markup passes over what starts with < at pos and returns the position after it.
func (w *xmlWalker) markup(pos int) (int, error) {
	rest := w.body[pos:]
	for _, m := range []struct{ open, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if bytes.HasPrefix(rest, []byte(m.open)) {
			return pos + len(m.open) + bytes.Index(rest[len(m.open):], []byte(m.end)) + len(m.end), nil
		}
	}
	for ; w.body[pos] != '>'; pos++ {
		quote := w.body[pos]
		if quote != '"' && quote != '\'' {
			continue
		}
		end := pos + 1 + bytes.IndexByte(w.body[pos+1:], quote)
		if err := w.node(pos+1, end); err != nil {
			return 0, err
		}
		pos = end
	}
	return pos + 1, nil
}

// node handles body[start:end], a whole text node or attribute value.
func (w *xmlWalker) node(start, end int) error {
	at := func() place { return place{"body", fmt.Sprintf(" at byte %d", start+1)} }
	tokens, isTokens, err := w.value(at, unescapeXML(w.body[start:end]))
	if err != nil || !isTokens {
		return err
	}
	w.literal(w.body[w.copied:start])
	w.tokens(tokens)
	w.copied = end
	return nil
}

// unescapeXML resolves the entities of a text that is known to be well-formed.
func unescapeXML(s []byte) string {
	if bytes.IndexByte(s, '&') < 0 {
		return string(s)
	}
	d := xml.NewDecoder(io.MultiReader(strings.NewReader("<t>"), bytes.NewReader(s), strings.NewReader("</t>")))
	_, _ = d.Token()
	text, _ := d.Token()
	chars, _ := text.(xml.CharData)
	return string(chars)
}
