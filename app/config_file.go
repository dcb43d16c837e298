package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// setting is a value somebody gave, and where.
type setting struct {
	path   string
	value  any
	origin string // "config.yaml:12", "USHER_HTTP_LISTEN", "--listen"
}

// readFile takes the settings of a YAML file, and what is wrong with its keys.
// A missing file is an error only when it was asked for by name.
func (r keyring) readFile(path string, asked bool) ([]setting, []fault.Field, error) {
	const op = "app.Config"
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fault.E(op, fault.Invalid, "cannot read the configuration "+path, err).
			WithFix("check the path and its permissions")
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil, nil // nothing but comments
	} else if err != nil {
		return nil, nil, fault.E(op, fault.Invalid, path+" is not valid YAML", err)
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, nil, fault.E(op, fault.Invalid, path+" does not hold sections and keys", nil).WithFix("http:\n  listen: 127.0.0.1:8080")
	}
	w := &fileWalk{ring: r, file: path, seen: map[string]int{}}
	w.section("", doc.Content[0])
	return w.settings, w.faults, nil
}

type fileWalk struct {
	ring     keyring
	file     string
	seen     map[string]int // path → line
	settings []setting
	faults   []fault.Field
}

func (w *fileWalk) section(prefix string, node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		path := prefix + name.Value
		origin := fmt.Sprintf("%s:%d", w.file, name.Line)
		if first, twice := w.seen[path]; twice {
			w.faults = append(w.faults, fault.Field{Name: path, Problem: fmt.Sprintf("is given twice (%s and line %d)", origin, first), Fix: "keep one"})
			continue
		}
		w.seen[path] = name.Line
		w.entry(path, origin, value)
	}
}

func (w *fileWalk) entry(path, origin string, node *yaml.Node) {
	k, known := w.ring[path]
	empty := node.Tag == "!!null"
	switch {
	case known && empty: // "key:" with nothing leaves the default
	case known:
		var value any
		if err := node.Decode(&value); err != nil {
			w.faults = append(w.faults, fault.Field{Name: path, Problem: "is not valid YAML (" + origin + ")"})
			return
		}
		if bad := k.check(value, origin); bad != nil {
			w.faults = append(w.faults, bad...)
			return
		}
		w.settings = append(w.settings, setting{path, value, origin})
	case w.ring.section(path) && node.Kind == yaml.MappingNode:
		w.section(path+".", node)
	case w.ring.section(path) && empty:
	case w.ring.section(path):
		w.faults = append(w.faults, fault.Field{Name: path, Problem: "is a section, not a value (" + origin + ")", Fix: "put its keys below it, indented"})
	default:
		w.faults = append(w.faults, w.ring.unknown(path, origin))
	}
}

func yamlValue(text string) (any, error) {
	var v any
	err := yaml.Unmarshal([]byte(text), &v)
	return v, err
}
