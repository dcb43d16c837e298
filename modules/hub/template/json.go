package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// jsonWalker passes over a valid JSON text once. It needs no recursion: the
// frames are only there to know keys from values and to name the path.
type jsonWalker struct {
	compiler
	body   []byte
	copied int // body[:copied] is compiled
	frames []jsonFrame
}

// jsonFrame is an open object or array.
type jsonFrame struct {
	array   bool
	index   int    // array: of the current element
	key     []byte // object: the current key, in quotes
	wantKey bool   // object: the next string is a key
}

func parseJSON(body []byte) (*Template, error) {
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	w := jsonWalker{body: body}
	w.escape, w.json = appendJSON, true
	for pos := 0; pos < len(body); pos++ {
		if body[pos] != '"' {
			w.structure(body[pos])
			continue
		}
		end := stringEnd(body, pos)
		if err := w.string(pos, end); err != nil {
			return nil, err
		}
		pos = end - 1
	}
	w.literal(body[w.copied:])
	return w.finish(), nil
}

func checkJSON(body []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(body, &whole)
	if err == nil {
		return nil
	}
	at := ""
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = fmt.Sprintf(" at byte %d", syntax.Offset)
	}
	return badBody("body", "it is not JSON: "+err.Error()+at, "check the commas, quotes and brackets around that place")
}

// structure keeps the frames up to date; other bytes do not concern it.
func (w *jsonWalker) structure(c byte) {
	top := len(w.frames) - 1
	switch c {
	case '{':
		w.frames = append(w.frames, jsonFrame{wantKey: true})
	case '[':
		w.frames = append(w.frames, jsonFrame{array: true})
	case '}', ']':
		w.frames = w.frames[:top]
	case ',':
		w.frames[top].index++
		w.frames[top].wantKey = !w.frames[top].array
	}
}

// string handles body[start:end], a string with its quotes.
func (w *jsonWalker) string(start, end int) error {
	if top := len(w.frames) - 1; top >= 0 && w.frames[top].wantKey {
		w.frames[top].key, w.frames[top].wantKey = w.body[start:end], false
		return nil
	}
	tokens, isTokens, err := w.value(w.place, unquote(w.body[start:end]))
	if err != nil || !isTokens {
		return err
	}
	if tokens[0].kind != numeric { // a number brings its own quotes if it needs them
		start, end = start+1, end-1
	}
	w.literal(w.body[w.copied:start])
	w.tokens(tokens)
	w.copied = end
	return nil
}

// place names the current value, such as "body.aps.alert" or "body.items[2]".
func (w *jsonWalker) place() place {
	var b strings.Builder
	b.WriteString("body")
	for _, f := range w.frames {
		if f.array {
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		} else {
			b.WriteString("." + unquote(f.key))
		}
	}
	return place{field: b.String()}
}

// stringEnd is the position after the string that starts at pos.
func stringEnd(body []byte, pos int) int {
	for pos++; body[pos] != '"'; pos++ {
		if body[pos] == '\\' {
			pos++
		}
	}
	return pos + 1
}

// unquote decodes a JSON string that is known to be valid.
func unquote(quoted []byte) (s string) {
	_ = json.Unmarshal(quoted, &s)
	return s
}
