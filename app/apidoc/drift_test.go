package apidoc

import (
	"go/ast"
	"go/constant"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// routeAt reads a route from the literal or call that n is.
func routeAt(p *packages.Package, n ast.Node) (declared, bool) {
	var parts []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		if typeString(p.TypesInfo.TypeOf(n)) != kernelWeb+"Route" {
			return declared{}, false
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				parts = append(parts, kv.Value)
			}
		}
	case *ast.CallExpr:
		if typeString(p.TypesInfo.TypeOf(n)) != kernelWeb+"Route" {
			return declared{}, false
		}
		parts = n.Args
	default:
		return declared{}, false
	}
	var r declared
	for _, e := range parts {
		if isHandler(p.TypesInfo.TypeOf(e)) {
			r.handler = e
		}
		if lit, ok := e.(*ast.CompositeLit); ok && typeString(p.TypesInfo.TypeOf(lit)) == kernelWeb+"Doc" {
			r.doc = lit
		}
	}
	return r, r.handler != nil
}

// told is what a web.Doc literal says.
type told struct {
	says         string
	takes, gives map[string]bool // types
	media        map[string]bool // fields of the Doc that are a web.Media
	status, also int64
	query        map[string]bool
	repeatable   bool
}

func (r declared) told() told {
	d := told{takes: map[string]bool{}, gives: map[string]bool{}, media: map[string]bool{}, query: map[string]bool{}}
	for _, e := range r.doc.Elts {
		kv := e.(*ast.KeyValueExpr)
		tv := r.pkg.TypesInfo.Types[kv.Value]
		switch field := kv.Key.(*ast.Ident).Name; field {
		case "Says":
			d.says = constant.StringVal(tv.Value)
		case "Takes", "Gives":
			into := map[string]map[string]bool{"Takes": d.takes, "Gives": d.gives}[field]
			switch typeString(tv.Type) {
			case kernelWeb + "Media":
				d.media[field] = true
			case kernelWeb + "OneOf":
				for _, each := range kv.Value.(*ast.CompositeLit).Elts {
					into[typeString(r.pkg.TypesInfo.TypeOf(each))] = true
				}
			default:
				into[typeString(tv.Type)] = true
			}
		case "Status":
			d.status, _ = constant.Int64Val(tv.Value)
		case "Also":
			d.also, _ = constant.Int64Val(tv.Value)
		case "Query":
			for _, q := range kv.Value.(*ast.CompositeLit).Elts {
				name, _, _ := strings.Cut(constant.StringVal(r.pkg.TypesInfo.Types[q].Value), ": ")
				d.query[name] = true
			}
		case "Repeatable":
			d.repeatable = true
		}
	}
	if d.status == 0 {
		d.status = 204
		if len(d.gives) > 0 || d.media["Gives"] {
			d.status = 200
		}
	}
	return d
}

// TestARouteSaysWhatItsHandlerDoes reads each handler's source and compares the types
// it binds and answers, its status, its parameters and whether it may be repeated
// with the Doc beside its route.
func TestARouteSaysWhatItsHandlerDoes(t *testing.T) {
	s, seen := readSource(t), 0
	for _, r := range s.routes() {
		if r.doc == nil {
			continue // TestTheDocumentIsTheHouse (app) finds those that should have one
		}
		seen++
		does, says := s.handler(r.pkg, r.handler), r.told()
		wrong := func(what string, does, says any) {
			t.Errorf("%s: %s: the handler of %q has %v, its Doc %v", r.at, what, types.ExprString(r.handler), does, says)
		}
		if !strings.HasSuffix(says.says, ".") || says.says == "" {
			wrong("Says", "a purpose", "no sentence")
		}
		if !maps.Equal(values(does.takes), values(says.takes)) {
			wrong("Takes", sorted(does.takes), sorted(says.takes))
		}
		if len(says.takes) == 0 && !says.media["Takes"] && does.body {
			wrong("Takes", "a body", "none")
		}
		if says.media["Gives"] && !does.raw && len(does.gives) > 0 {
			wrong("Gives", sorted(does.gives), "a Media")
		}
		if !says.media["Gives"] && !maps.Equal(values(does.gives), values(says.gives)) {
			wrong("Gives", sorted(does.gives), sorted(says.gives))
		}
		for _, status := range sorted(does.status) {
			if !says.media["Gives"] && status != says.status && status != says.also {
				wrong("Status", status, []int64{says.status, says.also})
			}
		}
		if does.repeatable != says.repeatable {
			wrong("Repeatable", does.repeatable, says.repeatable)
		}
		for _, q := range sorted(does.query) {
			if !says.query[q] {
				wrong("Query", q, sorted(says.query))
			}
		}
		for _, q := range sorted(says.query) {
			if !does.query[q] && !does.anyQuery {
				wrong("Query", sorted(does.query), q)
			}
		}
	}
	if seen < 200 {
		t.Errorf("read only %d routes: the test no longer finds them", seen)
	}
}

// values are types without the star before them: JSON knows no pointers.
func values(set map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, name := range slices.Collect(maps.Keys(set)) {
		out[strings.TrimPrefix(name, "*")] = true
	}
	return out
}
