package openapi

import (
	"iter"
	"path"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// nameOf is a component's name: module and type, as HubInstallation; HubAppPage for a
// web.Page of them; the kernel's are called by their own names; "" for a type that has none.
func nameOf(t reflect.Type) string {
	switch {
	case t.Name() == "":
		return ""
	case t.PkgPath() == "":
		return title(t.Name())
	case isPage(t):
		items, _ := t.FieldByName("Items")
		return nameOf(items.Type.Elem()) + "Page"
	}
	module, name := title(path.Base(t.PkgPath())), title(t.Name())
	if strings.HasPrefix(name, module) || strings.Contains(t.PkgPath(), "/kernel/") {
		return name
	}
	return module + name
}

func isPage(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Page[") && strings.HasSuffix(t.PkgPath(), "/kernel/web")
}

func title(s string) string {
	if s == "" {
		return ""
	}
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

func fieldsOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return t.Fields()
}

// rulesOf reads a validate tag up to "dive": each rule's name with its argument.
func rulesOf(tag string) map[string]*string {
	all := map[string]*string{}
	for rule := range strings.SplitSeq(tag, ",") {
		name, arg, _ := strings.Cut(rule, "=")
		if name == "dive" {
			break
		}
		all[name] = &arg
	}
	return all
}

// constrain says in JSON Schema what a field's rules demand.
func constrain(s *Schema, rules map[string]*string) *Schema { //nolint:gocognit // one rule after the other
	if s.Ref != "" || s.Type == nil {
		return s
	}
	if one := rules["oneof"]; one != nil && s.Type == "string" {
		if rules["omitempty"] != nil {
			s.Enum = append(s.Enum, "")
		}
		for word := range strings.FieldsSeq(*one) {
			s.Enum = append(s.Enum, word)
		}
	}
	for rule, arg := range rules {
		n, err := strconv.ParseFloat(*arg, 64)
		if err != nil {
			continue
		}
		switch whole := int(n); {
		case rule == "min" && s.Type == "string":
			s.MinLength = &whole
		case rule == "max" && s.Type == "string":
			s.MaxLength = &whole
		case rule == "min" && s.Type == "array":
			s.MinItems = &whole
		case rule == "max" && s.Type == "array":
			s.MaxItems = &whole
		case (rule == "min" || rule == "gte") && (s.Type == "integer" || s.Type == "number"):
			s.Minimum = &n
		case (rule == "max" || rule == "lte") && (s.Type == "integer" || s.Type == "number"):
			s.Maximum = &n
		}
	}
	if rules["omitempty"] != nil { // the zero value is fine too
		s.MinLength, s.MinItems = nil, nil
		if s.Minimum != nil && *s.Minimum > 0 {
			s.Minimum = new(0.0)
		}
	}
	return s
}
