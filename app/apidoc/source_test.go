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
	"golang.org/x/tools/go/types/typeutil"
)

// What a handler does, read from its source: the types it binds and answers, the
// statuses and the parameters it asks for, through every function it hands the request to.
type doing struct {
	takes, gives, query map[string]bool
	status              map[int64]bool
	raw                 bool // it writes the answer by itself
	body                bool // it reads the body by itself
	anyQuery            bool // it takes the parameters as a whole
	repeatable          bool // it honours an Idempotency-Key
}

func newDoing() *doing {
	return &doing{takes: map[string]bool{}, gives: map[string]bool{}, query: map[string]bool{}, status: map[int64]bool{}}
}

// source is the modules' code with its types.
type source struct {
	packages []*packages.Package
	funcs    map[string]function // by full name
}

type function struct {
	decl *ast.FuncDecl
	pkg  *packages.Package
}

// given is what is known of an argument where a function is entered.
type given struct {
	typ   types.Type
	value constant.Value
	lit   *ast.FuncLit
	pkg   *packages.Package // of lit
}

const ourModules = "github.com/usherhq/usher/modules/"

func readSource(t *testing.T) *source {
	t.Helper()
	all, err := packages.Load(&packages.Config{
		Mode:       packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedFiles | packages.NeedImports,
		BuildFlags: []string{"-trimpath"},
		Dir:        "../..",
	}, "./modules/...")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{packages: all, funcs: map[string]function{}}
	for _, p := range all {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
		for _, f := range p.Syntax {
			for _, d := range f.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
					s.funcs[p.TypesInfo.Defs[fd.Name].(*types.Func).FullName()] = function{fd, p}
				}
			}
		}
	}
	return s
}

// handler reads the function that serves a route.
func (s *source) handler(p *packages.Package, e ast.Expr) *doing {
	d := newDoing()
	switch e := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		s.follow(d, p, e.Body, nil, 0)
	case *ast.CallExpr: // a function that makes the handler
		s.call(d, p, e, nil, 0)
	default:
		if f, ok := s.funcs[nameOf(p, e)]; ok {
			s.follow(d, f.pkg, f.decl.Body, nil, 0)
		}
	}
	return d
}

func nameOf(p *packages.Package, e ast.Expr) string {
	var id *ast.Ident
	switch e := e.(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	default:
		return ""
	}
	if f, ok := p.TypesInfo.Uses[id].(*types.Func); ok {
		return f.Origin().FullName()
	}
	return ""
}

func (s *source) follow(d *doing, p *packages.Package, body ast.Node, known map[types.Object]given, depth int) {
	ast.Inspect(body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			s.call(d, p, c, known, depth)
		}
		return true
	})
}

const (
	kernelWeb   = ourModules + "kernel/web."
	echoContext = "(github.com/labstack/echo/v4.Context)."
)

func (s *source) call(d *doing, p *packages.Package, c *ast.CallExpr, known map[types.Object]given, depth int) {
	f, ok := typeutil.Callee(p.TypesInfo, c).(*types.Func)
	if !ok {
		return
	}
	arg := func(i int) given { return whatIs(p, c.Args[i], known) }
	name := f.Origin().FullName()
	if f.Name() == "appendJSON" { // a hot answer writes itself
		d.see(given{}, whatIs(p, c.Fun.(*ast.SelectorExpr).X, known))
	}
	switch name {
	case kernelWeb + "Bind":
		d.takes[typeString(bound(p, c))] = true
	case kernelWeb + "Body":
		d.body = true
	case echoContext + "QueryParams":
		d.anyQuery = true
	case kernelWeb + "RepeatKey":
		d.repeatable = true
	case kernelWeb + "Idempotent", kernelWeb + "IdempotentAfter":
		d.repeatable = true
		d.see(arg(2), given{typ: answered(p, c.Args[len(c.Args)-1], known)})
	case kernelWeb + "Stream", echoContext + "Blob", echoContext + "Stream", echoContext + "Response":
		d.raw = true
	case echoContext + "JSON":
		d.see(arg(0), arg(1))
	case echoContext + "NoContent", echoContext + "JSONBlob":
		d.see(arg(0), given{})
	case echoContext + "QueryParam", "(net/url.Values).Get", "(net/url.Values).Has":
		if v := arg(0).value; v != nil {
			d.query[constant.StringVal(v)] = true
		} else if name == echoContext+"QueryParam" { // nobody would miss it in the Doc
			d.query["one that is not named where it is asked for: "+types.ExprString(c.Args[0])] = true
		}
	default:
		s.enter(d, p, c, name, known, depth)
	}
}

// enter follows a call into a function of ours that gets the request.
func (s *source) enter(d *doing, p *packages.Package, c *ast.CallExpr, name string, known map[types.Object]given, depth int) {
	f, ok := s.funcs[name]
	if !ok || depth > 8 || !slices.ContainsFunc(c.Args, func(a ast.Expr) bool { return isRequest(p.TypesInfo.TypeOf(a)) }) && depth+len(c.Args) > 0 && !makesHandler(f) {
		return
	}
	inner, i := map[types.Object]given{}, 0
	for _, field := range f.decl.Type.Params.List {
		for _, param := range field.Names {
			if i < len(c.Args) {
				inner[f.pkg.TypesInfo.Defs[param]] = whatIs(p, c.Args[i], known)
			}
			i++
		}
	}
	s.follow(d, f.pkg, f.decl.Body, inner, depth+1)
}

// makesHandler reports whether a function returns one that serves a request.
func makesHandler(f function) bool {
	results := f.pkg.TypesInfo.Defs[f.decl.Name].Type().(*types.Signature).Results()
	return results.Len() == 1 && isHandler(results.At(0).Type())
}

func isHandler(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	return ok && sig.Params().Len() == 1 && isRequest(sig.Params().At(0).Type()) && sig.Results().Len() == 1
}

func isRequest(t types.Type) bool {
	s := typeString(t)
	return s == "github.com/labstack/echo/v4.Context" || s == "net/url.Values"
}

// see notes an answer; only success counts, and only what has a type of its own.
func (d *doing) see(status, value given) {
	n := int64(0)
	if status.value != nil {
		n, _ = constant.Int64Val(status.value)
	}
	if n >= 300 {
		return
	}
	if n > 0 {
		d.status[n] = true
	}
	if value.typ != nil && !types.IsInterface(value.typ) {
		d.gives[typeString(value.typ)] = true
	}
}

func whatIs(p *packages.Package, e ast.Expr, known map[types.Object]given) given {
	if id, ok := ast.Unparen(e).(*ast.Ident); ok {
		if g, ok := known[p.TypesInfo.Uses[id]]; ok {
			return g
		}
	}
	tv := p.TypesInfo.Types[e]
	lit, _ := e.(*ast.FuncLit)
	return given{tv.Type, tv.Value, lit, p}
}

// bound is the T of web.Bind[T].
func bound(p *packages.Package, c *ast.CallExpr) types.Type {
	index := ast.Unparen(c.Fun).(*ast.IndexExpr)
	return p.TypesInfo.TypeOf(index.Index)
}

// answered is the type that a function of the form func(tx) (any, error) returns.
func answered(p *packages.Package, e ast.Expr, known map[types.Object]given) types.Type {
	g := whatIs(p, e, known)
	if g.lit == nil {
		return nil
	}
	lit, p := g.lit, g.pkg
	var found types.Type
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if inner, ok := n.(*ast.FuncLit); ok && inner != lit {
			return false
		}
		r, ok := n.(*ast.ReturnStmt)
		if !ok || len(r.Results) == 0 {
			return true
		}
		if call, ok := r.Results[0].(*ast.CallExpr); ok { // of a function that was handed in
			if t := answered(p, call.Fun, known); t != nil {
				found = t
				return true
			}
		}
		t := p.TypesInfo.TypeOf(r.Results[0])
		if tuple, ok := t.(*types.Tuple); ok {
			t = tuple.At(0).Type()
		}
		if b, ok := t.(*types.Basic); !types.IsInterface(t) && !(ok && b.Kind() == types.UntypedNil) {
			found = t
		}
		return true
	})
	return found
}

func typeString(t types.Type) string {
	if t == nil {
		return ""
	}
	return types.TypeString(t, nil)
}

func sorted[K string | int64](set map[K]bool) []K { return slices.Sorted(maps.Keys(set)) }

// declared is a route as a module writes it down: its handler, and its Doc, nil if it has none.
type declared struct {
	at      string
	pkg     *packages.Package
	node    ast.Node
	handler ast.Expr
	doc     *ast.CompositeLit
}

// routes finds every route of every module's JSON API: a web.Route, or the call of a
// function that makes one.
func (s *source) routes() []declared {
	var all []declared
	for _, p := range s.packages {
		for _, f := range p.Syntax {
			file := p.Fset.Position(f.Pos()).Filename
			if strings.Contains(file, "/kernel/") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if r, ok := routeAt(p, n); ok {
					r.at, r.pkg, r.node = p.Fset.Position(n.Pos()).String(), p, n
					all = append(all, r)
				}
				return true
			})
		}
	}
	return all
}
