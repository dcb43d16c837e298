package openapi

import (
	"fmt"
	"strings"
)

// Words tell a schema to people, and ref the component it is or holds: "list of
// HubInstallation" and "HubInstallation".
func (s *Schema) Words() (words, ref string) {
	name, null := s.one()
	switch {
	case s.Ref != "":
		ref = s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return ref, ref
	case len(s.OneOf) > 0:
		var all []string
		for _, each := range s.OneOf {
			w, r := each.Words()
			all = append(all, w)
			if ref == "" {
				ref = r
			}
		}
		return strings.Join(all, " or "), ref
	case name == "array":
		words, ref = s.Items.Words()
		words = "list of " + words
	case name == "object" && s.Additional != nil && s.Additional != false:
		inner, ok := s.Additional.(*Schema)
		if !ok {
			return "object", ""
		}
		words, ref = inner.Words()
		words = "map to " + words
	case name == "":
		return "anything", ""
	case s.Format != "" && name == "string":
		words = s.Format
	default:
		words = name
	}
	if null {
		words += " or null"
	}
	return words, ref
}

// one is the schema's type, and whether it may be null instead.
func (s *Schema) one() (name string, null bool) {
	switch t := s.Type.(type) {
	case string:
		return t, false
	case []string:
		return t[0], len(t) > 1
	}
	return "", false
}

// Rules tell people what a value must be beyond its type.
func (s *Schema) Rules() string {
	var all []string
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprintf("%q", e)
		}
		all = append(all, "one of "+strings.Join(words, ", "))
	}
	for _, bound := range []struct {
		least, most *int
		what        string
	}{{s.MinLength, s.MaxLength, "characters"}, {s.MinItems, s.MaxItems, "items"}} {
		if bound.least != nil {
			all = append(all, fmt.Sprintf("at least %d %s", *bound.least, bound.what))
		}
		if bound.most != nil {
			all = append(all, fmt.Sprintf("at most %d %s", *bound.most, bound.what))
		}
	}
	if s.Minimum != nil {
		all = append(all, fmt.Sprintf("from %v", *s.Minimum))
	}
	if s.Maximum != nil {
		all = append(all, fmt.Sprintf("up to %v", *s.Maximum))
	}
	if s.Description != "" {
		all = append(all, s.Description)
	}
	return strings.Join(all, "; ")
}
