package app

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// key is one setting: a leaf of Config.
type key struct {
	path   string // such as "http.tls.cert_file"
	kind   reflect.Type
	secret bool
}

// env is the key's environment variable: USHER_ and the path in capitals, dots as underscores.
func (k key) env() string {
	return "USHER_" + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

// isList reports whether the key holds several values.
func (k key) isList() bool { return k.kind.Kind() == reflect.Slice }

// keysOf lists the settings of a section, in the order of its fields.
func keysOf(section reflect.Type, prefix string) []key {
	var keys []key
	for f := range section.Fields() {
		name := f.Tag.Get("koanf")
		if name == "" || name == "-" {
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type, prefix+name+".")...)
			continue
		}
		keys = append(keys, key{path: prefix + name, kind: f.Type, secret: f.Tag.Get("secret") == "true"})
	}
	return keys
}

// keyring knows every setting by path.
type keyring map[string]key

func newKeyring() keyring {
	ring := keyring{}
	for _, k := range keysOf(reflect.TypeFor[Config](), "") {
		ring[k.path] = k
	}
	return ring
}

func (r keyring) paths() []string { return slices.Sorted(maps.Keys(r)) }

// section reports whether path is the beginning of some keys.
func (r keyring) section(path string) bool {
	for p := range r {
		if strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}

// unknown is the fault of a key that is not in the ring.
func (r keyring) unknown(path, origin string) fault.Field {
	fix := "remove it; `usher config print` lists every key"
	if near := web.Nearest(path, r.paths()); near != "" {
		fix = "did you mean " + near + "?"
	} else if near := r.sameName(path); near != "" {
		fix = "did you mean " + near + "?"
	}
	return fault.Field{Name: path, Problem: "is not a known key (" + origin + ")", Fix: fix}
}

// sameName finds the key that was put into the wrong section.
func (r keyring) sameName(path string) string {
	name := path[strings.LastIndex(path, ".")+1:]
	for _, p := range r.paths() {
		if p[strings.LastIndex(p, ".")+1:] == name {
			return p
		}
	}
	return ""
}

// parse turns the text of an environment variable or flag into the key's form:
// lists are split at commas, or written as YAML in brackets.
func (k key) parse(text string) (any, error) {
	text = strings.TrimSpace(text)
	switch {
	case !k.isList():
		return text, nil
	case text == "":
		return []any{}, nil
	case strings.HasPrefix(text, "["):
		return yamlValue(text)
	}
	var list []any
	for item := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(item))
	}
	return list, nil
}

// check tries the value in the key's type, so that a misfit is told with its origin.
func (k key) check(value any, origin string) []fault.Field {
	into := reflect.New(k.kind).Interface()
	err := decodeSetting(value, into)
	if err == nil {
		return nil
	}
	if !k.isList() {
		shown := fmt.Sprintf("%q", fmt.Sprint(value))
		if k.secret {
			shown = "what it is"
		}
		return []fault.Field{{Name: k.path, Problem: "must be " + kindWords(k.kind) + ", not " + shown + " (" + origin + ")"}}
	}
	return []fault.Field{{Name: k.path, Problem: "does not have the form of a list of its entries (" + origin + ")", Fix: entryWords(k.kind.Elem())}}
}

// decodeSetting reads a setting the way koanf will: durations as "30s", numbers from text.
// An entry's unknown field is an error.
func decodeSetting(value, into any) error {
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: into, TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true, DecodeHook: settingHook,
	})
	if err != nil {
		return err
	}
	return dec.Decode(value)
}

// settingHook keeps loose typing from hiding mistakes: a duration without a unit
// and a whole number with a fraction are refused.
func settingHook(from, to reflect.Type, value any) (any, error) {
	if to == reflect.TypeFor[time.Duration]() && from != to {
		text, ok := value.(string)
		if !ok {
			return nil, errors.New("a duration needs a unit")
		}
		return time.ParseDuration(text)
	}
	if n, ok := value.(float64); ok && to.Kind() >= reflect.Int && to.Kind() <= reflect.Uint64 && n != float64(int64(n)) {
		return nil, errors.New("not a whole number")
	}
	return value, nil
}

func kindWords(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration with its unit such as 30s or 5m"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float64, reflect.Float32:
		return "a number"
	}
	return "a whole number"
}

func entryWords(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return "write [a, b]"
	}
	var names []string
	for _, k := range keysOf(t, "") {
		names = append(names, k.path+": …")
	}
	return "write [{" + strings.Join(names, ", ") + "}]"
}
