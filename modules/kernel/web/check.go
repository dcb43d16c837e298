package web

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// validators holds one rule engine per naming tag ("json", "koanf"): each
// caches the types it has seen and is safe for concurrent use.
var validators sync.Map

func validatorFor(nameTag string) *validator.Validate {
	if v, ok := validators.Load(nameTag); ok {
		return v.(*validator.Validate)
	}
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get(nameTag), ",")
		return strings.TrimPrefix(name, "-") // "-": not named at all
	})
	kept, _ := validators.LoadOrStore(nameTag, v)
	return kept.(*validator.Validate)
}

// Check applies the validator tags of v (a struct, or a list of them) and says
// what is broken in plain words, under the names in nameTag ("json" or "koanf").
// Errors: fault.Invalid with one Field for each broken rule.
func Check(op string, v any, nameTag string) error {
	err := checkTags(v, nameTag)
	var broken validator.ValidationErrors
	if err == nil || !errors.As(err, &broken) {
		return err
	}
	fields := make([]fault.Field, len(broken))
	for i, b := range broken {
		problem, fix := words(b)
		fields[i] = fault.Field{Name: fieldPath(b.Namespace()), Problem: problem, Fix: fix}
	}
	return fault.BadFields(op, fields)
}

func checkTags(v any, nameTag string) error {
	if !ruled(reflect.TypeOf(v)) {
		return nil
	}
	switch reflect.Indirect(reflect.ValueOf(v)).Kind() {
	case reflect.Struct:
		return validatorFor(nameTag).Struct(v)
	case reflect.Slice:
		return validatorFor(nameTag).Var(v, "dive")
	}
	return nil
}

// ruledTypes keeps what ruled has found out.
var ruledTypes sync.Map

// ruled reports whether a value of the type may have fields with rules. Where there are
// none, the validator would walk over all of them for nothing.
func ruled(t reflect.Type) bool {
	if known, ok := ruledTypes.Load(t); ok {
		return known.(bool)
	}
	found := rules(t, map[reflect.Type]bool{})
	ruledTypes.Store(t, found)
	return found
}

func rules(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return rules(t.Elem(), seen)
	case reflect.Map:
		return rules(t.Key(), seen) || rules(t.Elem(), seen)
	case reflect.Interface:
		return true // who knows what is in it
	case reflect.Struct:
		for f := range t.Fields() {
			if _, has := f.Tag.Lookup("validate"); has || rules(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// fieldPath drops the type's own name, which callers do not know.
func fieldPath(namespace string) string {
	if strings.HasPrefix(namespace, "[") {
		return namespace
	}
	if _, path, ok := strings.Cut(namespace, "."); ok {
		return path
	}
	return namespace
}

// words turns a broken rule into what is wrong and what to write instead.
func words(b validator.FieldError) (problem, fix string) {
	switch rule, param := b.Tag(), b.Param(); rule {
	case "required", "required_with", "required_without", "required_if":
		return "is missing", "add it"
	case "min", "gte":
		return "must " + measure(b, "at least", param), ""
	case "max", "lte":
		return "must " + measure(b, "at most", param), ""
	case "len":
		return "must " + measure(b, "exactly", param), ""
	case "gt":
		return "must " + measure(b, "more than", param), ""
	case "lt":
		return "must " + measure(b, "less than", param), ""
	case "oneof":
		return "must be one of " + strings.Join(strings.Fields(param), ", "), nearestOf(b, strings.Fields(param))
	case "email":
		return "must be an e-mail address", ""
	case "url", "http_url", "uri", "https_url":
		return "must be a URL", "such as https://example.org/path"
	case "uuid", "uuid4", "uuid7":
		return "must be an id", "36 characters, such as 0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e55"
	case "hostname_port":
		return "must be host:port", "such as 127.0.0.1:8080"
	case "cidr":
		return "must be a network", "such as 10.0.0.0/8"
	case "unique":
		return "must not name anything twice", ""
	case "bcp47_language_tag":
		return "must be a language", "such as en or pt-BR"
	default:
		return "breaks the rule " + strings.TrimSuffix(rule+"="+param, "="), ""
	}
}

// measure says how much of what: letters of text, entries of a list, or the value itself.
func measure(b validator.FieldError, bound, param string) string {
	switch b.Kind() {
	case reflect.String:
		return fmt.Sprintf("have %s %s characters", bound, param)
	case reflect.Slice, reflect.Map, reflect.Array:
		return fmt.Sprintf("have %s %s entries", bound, param)
	}
	return "be " + bound + " " + param
}

func nearestOf(b validator.FieldError, known []string) string {
	s, ok := b.Value().(string)
	if !ok {
		return ""
	}
	if near := Nearest(s, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// size is a number of bytes for people: 1 MB, 64 KB, 100 bytes.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
