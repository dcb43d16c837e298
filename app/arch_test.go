package app

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// This test keeps the rules of architecture.md that a compiler cannot: who may
// import whom (1), whose tables a statement may name (6), and which files are
// the doors to the outside (7). The list of modules comes from the disk.

// exemption lets one place break a rule, for a reason. One that is no longer
// needed fails the test.
type exemption struct{ where, what, reason string }

// importExemptions: a folder and the folder of ours that it may import all the same.
var importExemptions = []exemption{
	{"modules/kernel/dbtest", "migrations", "a test's database has the true schema"},
}

// clockExemptions: folders that may ask the machine for the time.
var clockExemptions = []exemption{
	{"modules/kernel/clock", "", "it is the clock"},
	{"modules/kernel/dbtest", "", "ages of files and deadlines of connections, in tests only"},
	{"modules/kernel/queue", "", "how long a running job has left, by the monotonic clock"},
	{"modules/kernel/stream", "", "when to look next, by the monotonic clock; facts carry the database's time"},
	{"modules/kernel/web", "", "deadlines of connections; no row holds it"},
	{"modules/kernel/wicket", "", "deadlines of connections and the header Date; no row holds them"},
	{"modules/hub/push", "", "elapsed time and deadlines of connections; no row holds it"},
}

// sqlExemptions: a folder and the schema it may name although it is another's.
var sqlExemptions = []exemption{
	{"modules/kernel/db", "stream", "Tx.Emit is how a fact enters the log, inside the caller's transaction"},
	{"modules/kernel/db", "queue", "Tx.Enqueue is how a job enters the outbox, inside the caller's transaction"},
	{"app/bench", "stream", "the benchmark counts what the log holds, from outside the program"},
	{"app/bench", "analytics", "the benchmark watches a listener's effect, from outside the program"},
	{"app/bench", "sales", "the benchmark audits what is sold, and fills the tables for COPY, from outside the program"},
}

// unheard: facts that nobody listens to yet.
var unheard = []exemption{
	{"NotificationFinished", "", "analytics will learn from it; webhooks will announce it"},
	{"InstallationsRetired", "", "analytics will count audiences with it"},
	{"SentimentShifted", "", "pricing will weigh it (issue 8); people see it on /alarms"},
	{"CartsOpened", "", "the detector carts counts it by its type; webhooks will announce it"},
	{"PriceSet", "", "webhooks announce it; pages read the price itself"},
	{"ZonesEntered", "", "offers are decided in the transaction that emits it; webhooks will announce it"},
	{"ZonesExited", "", "forecasts and clusters will learn from it; webhooks will announce it"},
	{"ZonesDwelled", "", "offers are decided in the transaction that emits it; webhooks will announce it"},
	{"QueueCleared", "", "webhooks will announce it"},
	{"VoucherIssued", "", "webhooks will announce it"},
	{"VoucherRedeemed", "", "webhooks will announce it"},
}

// kernelSchemas belong to packages of the kernel; every other schema is a module's.
var kernelSchemas = []string{"stream", "queue", "web"}

// door says which files may import a library, and what others do instead.
type door struct {
	library string // import path, or its beginning up to a slash
	open    func(file string) bool
	instead string
}

var doors = []door{
	{"gorm.io", anyOf(named("store"), under("modules/kernel/db")), "move the query into store*.go"},
	{"github.com/jackc/pgx", anyOf(named("store"), under("modules/kernel/db")), "move the statement into store*.go"},
	{"github.com/labstack/echo", anyOf(named("routes"), named("pages"), under("modules/kernel/web"), within("app", "server")),
		"handle the request in routes*.go or pages*.go and pass plain values on"},
	{"github.com/hibiken/asynq", anyOf(named("jobs"), under("modules/kernel/queue")),
		"enqueue with tx.Enqueue, and handle the job in jobs*.go"},
	{"github.com/sideshow/apns2", under("modules/hub/push"), "send through push.Sender"},
	{"firebase.google.com/go", under("modules/hub/push"), "send through push.Sender"},
	{"github.com/wneessen/go-mail", under("modules/kernel/mail"), "send letters through mail.Sender"},
	{"github.com/stripe", under("modules/sales/pay"), "take money through pay.Provider"},
	{"github.com/markbates/goth", under("modules/identity"), "ask identity who is calling"},
	{"github.com/sajari/regression", under("modules/kernel/fit"), "use the solver of kernel/fit"},
}

// named: files of a module whose name begins with prefix, such as store_order.go.
func named(prefix string) func(string) bool {
	return func(f string) bool { return strings.HasPrefix(path.Base(f), prefix) }
}

// under: files in a folder, at any depth.
func under(dir string) func(string) bool {
	return func(f string) bool { return strings.HasPrefix(f, dir+"/") }
}

// within: files right in a folder whose name begins with prefix.
func within(dir, prefix string) func(string) bool {
	return func(f string) bool { return path.Dir(f) == dir && strings.HasPrefix(path.Base(f), prefix) }
}

func anyOf(open ...func(string) bool) func(string) bool {
	return func(f string) bool {
		return slices.ContainsFunc(open, func(is func(string) bool) bool { return is(f) })
	}
}

func TestArchitecture(t *testing.T) {
	root := os.DirFS("..")
	repo, err := readRepo(root)
	if err != nil {
		t.Fatal(err)
	}
	if seen, exist := len(repo.files), countGo(t, root); seen < exist {
		t.Errorf("%d of %d Go files were checked: tell readRepo in arch_source_test.go about the new folder", seen, exist)
	}
	for _, breach := range repo.check() {
		t.Error(breach)
	}
	for _, stale := range repo.stale() {
		t.Error(stale)
	}
}
