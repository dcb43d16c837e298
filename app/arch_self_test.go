package app

import (
	"strings"
	"testing"
	"testing/fstest"
)

// The checker is worth what it finds: each snippet breaks one rule, or none.
func TestArchitectureCheckerFindsBreaches(t *testing.T) {
	const imp = `import _ "` + ours
	for _, tc := range []struct{ name, file, text, want string }{
		{"module to module", "modules/sales/sales.go", imp + `modules/hub"`, "declare a narrow interface in sales.go"},
		{"module to a neighbour's inside", "modules/sales/x_test.go", imp + `modules/hub/push"`, "no module imports another"},
		{"module to itself", "modules/hub/a.go", imp + `modules/hub/push"`, ""},
		{"module down", "modules/hub/a.go", imp + `modules/facts"` + "\n" + imp + `modules/kernel/db"`, ""},
		{"module to app", "modules/hub/a.go", imp + `app"`, "nothing below app imports it"},
		{"module to web", "modules/hub/a.go", imp + `web"`, "nothing below app imports it"},
		{"kernel up", "modules/kernel/db/a.go", imp + `modules/facts"`, "the kernel imports only the kernel"},
		{"facts up", "modules/facts/a.go", imp + `modules/hub"`, "facts are plain structs"},
		{"migrations up", "migrations/a.go", imp + `modules/kernel/db"`, "import nothing of ours"},
		{"main past app", "main.go", imp + `modules/hub"`, "main only starts app"},
		{"a name that only begins alike", "modules/hub/a.go", `import _ "` + ours[:len(ours)-1] + `er/x"`, ""},

		{"gorm", "modules/hub/hub.go", `import _ "gorm.io/gorm"`, "store*.go"},
		{"gorm in a store", "modules/hub/store_x.go", `import _ "gorm.io/gorm"`, ""},
		{"pgx", "app/wire.go", `import _ "github.com/jackc/pgx/v5/pgxpool"`, "store*.go"},
		{"echo", "modules/hub/hub.go", `import _ "github.com/labstack/echo/v4"`, "routes*.go"},
		{"echo in app", "app/wire.go", `import _ "github.com/labstack/echo/v4"`, "routes*.go"},
		{"echo in routes", "modules/hub/routes_x.go", `import _ "github.com/labstack/echo/v4"`, ""},
		{"asynq", "modules/hub/hub.go", `import _ "github.com/hibiken/asynq"`, "tx.Enqueue"},
		{"apns2", "modules/hub/a.go", `import _ "github.com/sideshow/apns2"`, "push.Sender"},
		{"firebase", "app/a.go", `import _ "firebase.google.com/go/v4/messaging"`, "push.Sender"},
		{"goth", "modules/hub/a.go", `import _ "github.com/markbates/goth"`, "identity"},
		{"regression", "modules/hub/a.go", `import _ "github.com/sajari/regression"`, "kernel/fit"},

		{"foreign table", "modules/sales/store.go", "const q = `SELECT 1\nFROM hub.installation`", "SQL names the schema hub"},
		{"foreign join", "modules/sales/store.go", "const q = `select x from sales.cart join \"hub\".\"app\" on true`", "SQL names the schema hub"},
		{"foreign GORM table", "modules/sales/store.go", `const table = "hub.app"`, "SQL names the schema hub"},
		{"foreign COPY", "modules/sales/store.go", `var x = pgx.Identifier{"hub", "delivery"}`, "SQL names the schema hub"},
		{"kernel's table", "modules/sales/store.go", `const q = "DELETE FROM queue.outbox"`, "SQL names the schema queue"},
		{"kernel's table in a test", "modules/sales/store_test.go", `const q = "SELECT count(*) FROM queue.outbox"`, ""},
		{"foreign table in a test", "modules/sales/store_test.go", `const q = "SELECT count(*) FROM hub.app"`, "SQL names the schema hub"},
		{"app", "app/serve.go", `const q = "SELECT count(*) FROM hub.app"`, "SQL names the schema hub"},
		{"app's test", "app/journey_test.go", `const q = "SELECT count(*) FROM hub.app"`, ""},
		{"own table", "modules/hub/store.go", `const q = "SELECT i.id FROM hub.installation i -- not sales.cart\nWHERE x = 'sales.cart'"`, ""},
		{"a key is no table", "modules/sales/sales.go", `const key = "hub.expiry"`, ""},

		{"clock", "modules/hub/a.go", "import \"time\"\nvar x = time.Now()", "tx.Now()"},
		{"clock by another name", "modules/hub/a.go", "import t \"time\"\nvar x = t.Since", "tx.Now()"},
		{"clock in a test", "modules/hub/a_test.go", "import \"time\"\nvar x = time.Now()", ""},
		{"clock in app", "app/a.go", "import \"time\"\nvar x = time.Now()", ""},

		{"migration across", "migrations/0009_sales_add.sql", "CREATE TABLE sales.x (a int REFERENCES hub.app (id));", "no foreign key across schemas"},
		{"migration of a kernel schema", "migrations/0009_sales_add.sql", "ALTER TABLE queue.outbox ADD x int;", "one migration for each module"},
		{"migration of nobody", "migrations/0009_bar_add.sql", "SELECT 1;", "NNNN_<module>_<verb>.sql"},
		{"migration", "migrations/0009_sales_add.sql", "CREATE TABLE sales.x (a int); -- like hub.app", ""},

		{"unheard fact", "modules/facts/sales.go", "type Sold struct{}\nfunc (Sold) FactType() string { return \"sales.sold\" }", "nobody listens to facts.Sold"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := strings.Join(checkSnippet(t, tc.file, tc.text), "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if tc.want != "" && !strings.HasPrefix(got, tc.file+":") {
				t.Errorf("%q does not begin with the place", got)
			}
		})
	}
}

func TestArchitectureCheckerHearsListeners(t *testing.T) {
	tree := snippetTree("modules/facts/sales.go", "type Sold struct{}\nfunc (Sold) FactType() string { return \"sales.sold\" }")
	tree["modules/hub/listen.go"] = &fstest.MapFile{Data: []byte("package hub\nimport \"" + ours + "modules/facts\"\nvar _ = facts.Sold{}")}
	r, err := readRepo(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.check(); len(got) > 0 {
		t.Errorf("found %q", got)
	}
}

func TestArchitectureCheckerSeesNewFolders(t *testing.T) {
	tree := snippetTree("tools/x.go", "")
	r, err := readRepo(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.files) >= countGo(t, tree) {
		t.Error("a file in a folder nobody checks would go unnoticed")
	}
	if len(r.stale()) == 0 {
		t.Error("exemptions that nothing needs are not reported")
	}
}

func snippetTree(file, text string) fstest.MapFS {
	if strings.HasSuffix(file, ".go") {
		text = "package x\n" + text
	}
	tree := fstest.MapFS{file: {Data: []byte(text)}}
	for _, module := range []string{"hub", "sales"} {
		name := "modules/" + module + "/doc.go"
		tree[name] = &fstest.MapFile{Data: []byte("package x")}
	}
	return tree
}

func checkSnippet(t *testing.T, file, text string) []string {
	t.Helper()
	r, err := readRepo(snippetTree(file, text))
	if err != nil {
		t.Fatal(err)
	}
	return r.check()
}
