package web

import (
	"reflect"
	"testing"
)

// Only types without a rule anywhere in them are spared the validator.
func TestRuled(t *testing.T) {
	type name struct {
		Text string `validate:"required"`
	}
	type tree struct {
		Left, Right *tree
		Count       int
	}
	for _, c := range []struct {
		v    any
		want bool
	}{
		{name{}, true}, {&name{}, true}, {[]name{}, true}, {map[string]name{}, true}, {struct{ Names []*name }{}, true}, {struct{ Any any }{}, true},
		{struct{ name }{}, true}, {tree{}, false}, {[]tree{}, false}, {3, false},
	} {
		if got := ruled(reflect.TypeOf(c.v)); got != c.want {
			t.Errorf("%T: %v", c.v, got)
		}
	}
}
