package sales

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/sales/admission"
)

// badCodes are codes that no door lets in: forged, of another event, cancelled, handed on.
func badCodes(h *house, o Order) map[string]string {
	h.t.Helper()
	forger := admission.NewSigner(bytes.Repeat([]byte{9}, 32))
	void, old := h.ticket(o.ID, 2), h.ticket(o.ID, 3)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	if _, err := h.handTo(o, 3, 1, "Ben"); err != nil {
		h.t.Fatal(err)
	}
	return map[string]string{
		forger.Code(admission.Ticket{Event: o.Event, Order: o.ID, N: 1, Version: 1}):   "Not a ticket of ours",
		strings.Repeat("A", admission.CodeLength):                                      "Not a ticket of ours",
		h.codes.Code(admission.Ticket{Event: id.New(), Order: o.ID, N: 1, Version: 1}): "another event",
		h.Code(&void): "Refunded or cancelled",
		h.Code(&old):  "an old one",
	}
}

// Two phones at two gates, without a network: both let the same ticket in, as neither can
// know of the other. When they are back, both show when and where it was used.
func TestBrowserChecksInOfflineAndIsReconciled(t *testing.T) {
	h, _, o := boughtTickets(t, 6)
	bad := badCodes(h, o)
	g := h.gate(o.Event)
	north, south := g.scanner(t, "north", ""), g.scanner(t, "south", "")
	twice, once, handed := h.ticket(o.ID, 1), h.ticket(o.ID, 4), h.ticket(o.ID, 3)

	for _, p := range []phone{north, south} {
		p.offline(true)
	}
	g.cut.Store(true)
	for _, p := range []phone{north, south} {
		p.Open("/scan/") // from what the phone keeps
		p.Until(`document.getElementById("net").textContent === "Offline: checking here"`)
		for code, why := range bad {
			p.refuses(code, why)
		}
		p.admits(h.Code(&twice))
		p.refuses(h.Code(&twice), "Already used at")
	}
	north.admits(strings.ToLower(h.Code(&once)))
	south.admits(h.Code(&handed))
	if n := h.number(`SELECT count(*) FROM sales.scan`); n != 0 {
		t.Fatalf("%d scans reached the server without a network", n)
	}
	north.Until(`document.getElementById("in").textContent === "2"`)

	g.cut.Store(false)
	for _, p := range []phone{north, south} {
		p.offline(false)
		p.Until(`document.getElementById("net").textContent === "Online" && document.getElementById("kept").textContent === ""`)
	}
	all, err := h.Doubles(t.Context(), o.Event)
	if err != nil || len(all) != 1 || all[0].N != 1 || len(all[0].Uses) != 2 || all[0].Uses[0].Device != "north" || all[0].Uses[1].Device != "south" {
		t.Fatalf("%+v, %v", all, err)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 3 || c.Double != 1 {
		t.Error(c, err)
	}
	for _, p := range []phone{north, south} {
		p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online")); void 0`))) // the north reported before the south had
		p.Until(`!document.getElementById("doubles").hidden && document.getElementById("in").textContent === "3"`)
		for _, u := range all[0].Uses {
			p.Until(`document.getElementById("double-list").textContent.includes("` + u.At.In(berlin(t)).Format("15:04:05") + ` by ` + u.Device + `")`)
		}
		p.refuses(h.Code(&once), "Already used at")
		p.Quiet("ERR_", "net::")
	}
	if n := h.number(`SELECT count(*) FROM sales.scan WHERE NOT offline AND let_in`); n != 0 {
		t.Errorf("%d tickets went in again", n)
	}
}

func TestBrowserRefusesOfflineWhatWasCancelled(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	if _, err := h.SetState(t.Context(), o.Event, EventCancelled, nil); err != nil {
		t.Fatal(err)
	}
	g := h.gate(o.Event)
	p := g.scanner(t, "north", "")
	p.refuses(h.Code(&ticket), "Refunded or cancelled")
	p.offline(true)
	g.cut.Store(true)
	p.Open("/scan/")
	p.Until(`document.getElementById("net").textContent === "Offline: checking here"`)
	p.refuses(h.Code(&ticket), "Refunded or cancelled")
	p.Quiet("ERR_", "net::")
}

// With money to take the verdict stays until it is touched; what was taken is recorded there, or
// in the list when there was no network.
func TestBrowserTakesWhatIsDueAtTheDoor(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	online, first := h.dueOrder(e, two)
	offline, second := h.dueOrder(e, two)
	third, _ := h.dueOrder(e, two)
	g := h.gate(e.ID)
	p := g.scanner(t, "north", "")
	scan := func(o Order, n int) {
		t.Helper()
		ticket := h.ticket(o.ID, n)
		p.gives(h.Code(&ticket))
	}
	owes := `document.getElementById("due").textContent === "€52.00 to pay"`
	scan(online, 1)
	p.Until(owes + ` && document.getElementById("verdict").dataset.verdict === "good" && !document.getElementById("received").hidden`)
	p.Accessible("money to take")
	p.keep("verdict-due")
	p.click("received")
	p.Until(`document.getElementById("due").textContent === "€52.00 received" && document.getElementById("received").hidden && !document.getElementById("verdict").hasAttribute("data-due")`)
	p.keep("verdict-received")
	h.becomes(first, PaymentSettled, "")
	p.verdict()
	scan(online, 2)
	p.Until(`document.getElementById("due").textContent === ""`)
	p.verdict()

	p.offline(true)
	g.cut.Store(true)
	scan(offline, 1)
	p.Until(owes + ` && !document.getElementById("received").hidden && document.getElementById("detail").textContent.includes("offline")`)
	p.keep("verdict-due-offline")
	p.verdict()
	p.Open("/scan/") // what is due is kept
	p.Until(`document.getElementById("net").textContent === "Offline: checking here"`)
	scan(offline, 2)
	p.Until(owes)
	p.verdict()
	scan(third, 1)
	p.Until(owes)
	p.click("received")
	p.Until(`document.getElementById("due").textContent === "€52.00 received" && document.getElementById("kept").textContent.endsWith("1 payment waits to be reported")`)
	p.verdict()
	p.Open("/scan/") // and what was taken
	p.Until(`document.getElementById("kept").textContent.endsWith("1 payment waits to be reported")`)
	scan(third, 2)
	p.Until(`document.getElementById("due").textContent === "" && !document.getElementById("verdict").hidden`)
	p.verdict()
	h.in(func(tx *db.Tx) error { // another door, meanwhile
		_, err := h.ReceiveAtDoor(tx, taking{e.ID, third.ID, 5200, nil})
		return err
	})
	g.cut.Store(false)
	p.offline(false)
	p.Until(`document.getElementById("net").textContent === "Online" && document.getElementById("kept").textContent === ""`)
	if found, err := h.Overpaid(t.Context(), e.ID); err != nil || len(found) != 1 || len(found[0].Takings) != 2 || found[0].Takings[0].Device != "north" || found[0].Takings[0].Booked {
		t.Errorf("money that two doors took: %+v, %v", found, err)
	}
	p.gives("ana")
	p.Until(`document.querySelectorAll("#found .take").length === 2`)
	p.Accessible("money to take in the list")
	p.keep("door-due")
	p.Do(chromedp.Click("#found .take", chromedp.NodeVisible))
	p.Until(`document.getElementById("found-note").textContent.startsWith("€52.00 received for ") && !document.querySelector("#found .take")`)
	h.becomes(second, PaymentSettled, "")
	p.Quiet("ERR_", "net::", "409 (Conflict)")
	h.auditMoney()
}

// Who let somebody in by mistake takes it back on the phone, and the other doors learn of it.
func TestBrowserUndoesAnAdmission(t *testing.T) {
	h, _, o := boughtTickets(t, 3)
	g := h.gate(o.Event)
	north, south := g.scanner(t, "north", ""), g.scanner(t, "south", "")
	one, two, three := h.ticket(o.ID, 1), h.ticket(o.ID, 2), h.ticket(o.ID, 3)
	meets := chromedp.Steps(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online")); void 0`))
	for _, ticket := range []*Ticket{&one, &two, &three} {
		north.admits(h.Code(ticket))
	}
	south.Do(meets)
	south.Until(`document.getElementById("in").textContent === "3"`)

	north.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("past").open = true; void 0`)))
	north.Until(`document.querySelectorAll("#past-list .button").length === 3`)
	north.Accessible("the last scans")
	north.keep("door-undo")
	for i, place := range []string{"3", "1"} { // of the first ticket, and the last
		north.Do(chromedp.Click("#past-list li:nth-child("+place+") .button", chromedp.NodeVisible))
		north.Until(`document.getElementById("past-note").textContent.includes("not in any more") && document.querySelectorAll("#past-list .button").length === ` + []string{"2", "1"}[i])
	}
	north.Until(`document.getElementById("past-note").textContent.includes("Ticket 3 of order") && document.getElementById("in").textContent === "1"`)
	south.Do(meets)
	south.Until(`document.getElementById("in").textContent === "1"`)
	for _, p := range []phone{north, south} {
		p.offline(true)
	}
	g.cut.Store(true)
	south.admits(h.Code(&three)) // by what it knows
	south.Open("/scan/")         // and from what it keeps
	south.Until(`document.getElementById("net").textContent === "Offline: checking here"`)
	south.refuses(h.Code(&three), "Already used")
	south.refuses(h.Code(&two), "Already used")
	south.admits(h.Code(&one))
	north.refuses(h.Code(&two), "Already used")
	north.Do(chromedp.Click("#past-list .button", chromedp.NodeVisible)) // without a network
	north.Until(`document.getElementById("past-note").textContent.includes("needs the network")`)

	g.cut.Store(false)
	for _, p := range []phone{north, south} {
		p.offline(false)
		p.Until(`document.getElementById("net").textContent === "Online" && document.getElementById("kept").textContent === ""`)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 3 || c.Double != 0 || c.Undone != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	south.gives("ana")
	south.Until(`document.querySelectorAll("#found .button").length === 3`)
	south.Do(chromedp.Click("#found .button", chromedp.NodeVisible))
	south.Until(`document.getElementById("found-note").textContent.includes("not in any more") && document.querySelector("#found .button").textContent === "Let in"`)
	for _, p := range []phone{north, south} {
		p.Quiet("ERR_", "net::")
	}
}

func TestBrowserReadsTheCodeBeforeItsCamera(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	g := h.gate(o.Event)
	p := g.scanner(t, "north", h.Code(&ticket))
	p.Do(chromedp.Click("#camera", chromedp.NodeVisible))
	p.Until(`!document.getElementById("verdict").hidden`)
	if s := p.verdict(); s.Word != "Go in" {
		t.Errorf("%+v", s)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 1 {
		t.Error(c, err)
	}
	p.Until(`document.getElementById("word").textContent === "Stop" && document.getElementById("why").textContent.includes("by north")`) // still in sight
	p.Quiet()
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	place, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// A browser without Ed25519 checks with the library, and refuses what a door must.
func TestBrowserWithoutEd25519ChecksSignaturesAllTheSame(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	forged := admission.NewSigner(bytes.Repeat([]byte{9}, 32)).Code(admission.Ticket{Event: o.Event, Order: o.ID, N: 1, Version: 1})
	changed := []byte(h.Code(&ticket))
	changed[60]++
	p := h.gate(o.Event).scanner(t, "north", "")
	check := func(code string) string {
		return `ring.then((r) => m.then((m) => m.open("` + code + `", r)))`
	}
	text, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](`(() => { crypto.subtle.importKey = () => Promise.reject(new Error("no Ed25519"));
		const m = import("/assets/door-code.js"), ring = m.then((m) => m.keyring(["`+h.keyring.Texts()[0]+`"]));
		return Promise.all([`+check(h.Code(&ticket))+`, `+check(forged)+`, `+check(string(changed))+`]).then(JSON.stringify); })()`, chromedp.EvalAwaitPromise))
	want := `[{"event":"` + o.Event.String() + `","order":"` + o.ID.String() + `","n":1,"version":1},null,null]`
	if err != nil || text != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

// The clock of a phone is set while it is at the door: what it scans without a network has the right time.
func TestBrowserMeasuresItsClockAgain(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	p := h.gate(o.Event).scanner(t, "north", "")
	text, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](`import("/assets/door-link.js").then(({ Link }) => {
		const link = new Link({}, () => {});
		link.ahead = 20;
		return JSON.stringify([link.aheadBy(1000, 1100, 1050, true), link.aheadBy(1000, 1100, 1050, false), link.aheadBy(3601000, 3601100, 1050, false)]);
	})`, chromedp.EvalAwaitPromise))
	if want := `[0,20,3600000]`; err != nil || text != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

// TestBrowserFindsTheScannerAccessible looks at the scanner before it is enrolled, at its
// door, and at both kinds of verdict.
func TestBrowserFindsTheScannerAccessible(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	g := h.gate(o.Event)
	fresh := phone{webtest.NewBrowser(t, g.URL), t}
	fresh.Look("/scan/")
	p := g.scanner(t, "north", "")
	for i, width := range []int64{1280, 390} {
		ticket := h.ticket(o.ID, i+1)
		p.Dress(width, "dark")
		p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("hand").value = "ana"; document.getElementById("hand-form").requestSubmit(); void 0`)))
		p.Until(`document.querySelectorAll("#found li").length === 2`)
		p.Accessible("the door")
		p.keep("door")
		for _, kind := range []string{"good", "bad"} {
			p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("hand").value = "` + h.Code(&ticket) + `"; document.getElementById("hand-form").requestSubmit(); void 0`)))
			p.Until(`!document.getElementById("verdict").hidden`)
			p.keep("verdict-" + kind)
			p.Accessible(kind)
			p.verdict()
		}
	}
}

func TestGoldenScanPage(t *testing.T) { webtest.Golden(t, "sales", map[string]any{"scan": nil}) }

// keep writes a picture to the folder $PICTURES, when there is one.
func (p phone) keep(name string) {
	if folder := os.Getenv("PICTURES"); folder != "" {
		p.Picture(filepath.Join(folder, name+".png"))
	}
}

// An answer comes too late: the phone let in somebody whom the server had refused. Both see it.
func TestBrowserReportsWhomItLetInBeforeTheAnswerCame(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	g := h.gate(o.Event)
	p := g.scanner(t, "north", "")
	g.slow.Store(true)
	h.says(h.report(o.Event, "south", Scan{ID: id.New(), Code: h.Code(&ticket)}), admission.Admitted)
	p.admits(h.Code(&ticket))
	g.slow.Store(false)
	p.Until(`document.getElementById("net").textContent === "Online" && document.getElementById("kept").textContent === "" && !document.getElementById("doubles").hidden`)
	all, err := h.Doubles(t.Context(), o.Event)
	if err != nil || len(all) != 1 || len(all[0].Uses) != 2 || all[0].Uses[1].Device != "north" || !all[0].Uses[1].Offline {
		t.Errorf("%+v, %v", all, err)
	}
}

// A phone whose disk is full lets nobody in of whom it could not tell afterwards, and says so.
func TestBrowserLetsNobodyInWhomItCannotKeep(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	first, second := h.ticket(o.ID, 1), h.ticket(o.ID, 2)
	g := h.gate(o.Event)
	p := g.scanner(t, "north", "")
	do := func(script string) {
		t.Helper()
		p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](script + `; void 0`)))
	}
	do(`globalThis.put = IDBObjectStore.prototype.put; globalThis.full = () => { IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }; }; full()`)
	p.admits(h.Code(&first)) // the server knows
	g.cut.Store(true)
	p.offline(true)
	for range 2 {
		if s := p.checks(h.Code(&second)); s.Word != "Not checked" || !strings.HasPrefix(s.Why, "This device lets the page keep nothing.") {
			t.Errorf("%+v", s)
		}
	}
	do(`IDBObjectStore.prototype.put = put`)
	p.admits(h.Code(&second))
	p.refuses(h.Code(&second), "Already used at")
	g.cut.Store(false)
	p.offline(false)
	p.Until(`document.getElementById("net").textContent === "Online" && document.getElementById("kept").textContent === ""`)
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 2 || c.Double != 0 {
		t.Error(c, err)
	}
}

// A phone is enrolled again because its key was revoked, or for another event: what only it knows
// stays, and is reported as soon as it has a key of that event.
func TestBrowserKeepsWhatWaitsWhenThePhoneIsEnrolledAgain(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	first, paid := h.dueOrder(e, two)
	second, _ := h.dueOrder(e, two)
	other := h.concert(Category{PriceMinor: 100, Capacity: 5})
	g := h.gate(e.ID)
	p := g.scanner(t, "north", "")
	line := func(cut bool) {
		t.Helper()
		p.offline(cut)
		g.cut.Store(cut)
	}
	scan := func(o Order) {
		t.Helper()
		ticket := h.ticket(o.ID, 1)
		p.gives(h.Code(&ticket))
		p.Until(`!document.getElementById("verdict").hidden`)
	}
	line(true)
	scan(first)
	p.click("received")
	p.Until(`document.getElementById("due").textContent === "€52.00 received"`)
	p.verdict()
	g.keys.Delete("north")
	line(false)
	p.Until(`document.getElementById("trouble").textContent.startsWith("This scanner’s key is not good any more.")`)
	p.keep("door-revoked")
	p.enrols("north-2")
	p.Until(`document.getElementById("kept").textContent === "" && document.getElementById("in").textContent === "1"`)
	h.becomes(paid, PaymentSettled, "")

	line(true)
	scan(second)
	p.verdict()
	g.keys.Delete("north-2")
	line(false)
	g.event.Store(&other.ID)
	p.enrols("elsewhere")
	p.Until(`document.getElementById("kept").textContent.startsWith("What another event’s door has not reported waits here") && document.getElementById("valid").textContent === "0"`)
	p.keep("door-elsewhere")
	p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("leave").click(); void 0`)))
	p.Until(`document.getElementById("trouble").textContent.includes("still wait to be reported")`)
	g.event.Store(&e.ID)
	p.enrols("north-3")
	p.Until(`document.getElementById("kept").textContent === "" && document.getElementById("in").textContent === "2"`)
	p.Quiet("ERR_", "net::", "401 (Unauthorized)")
	h.auditMoney()
}

// The camera of a phone opens the code in a new window; the one that is open for the door before is
// the new door's then, and does not mix what it knows of both.
func TestBrowserHasOneDoorInAllItsWindows(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	other := h.concert(Category{PriceMinor: 100, Capacity: 5})
	g := h.gate(o.Event)
	p := g.scanner(t, "north", "")
	g.event.Store(&other.ID)
	p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("kept").insertAdjacentHTML("afterend", '<a id="code-seen" target="_blank" href="/scan#elsewhere">as the camera does</a>'); void 0`)))
	p.click("code-seen")
	p.Until(`document.getElementById("device").textContent === "elsewhere" && document.getElementById("net").textContent === "Online" && document.getElementById("valid").textContent === "0"`)
	p.Quiet()
}

// The scanner speaks the language that was chosen, without a network too, and says what the server
// refuses in words for who stands at a door.
func TestBrowserScannerSpeaksTheChosenLanguage(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	g := h.gate(o.Event)
	p := phone{webtest.NewBrowser(t, g.URL), t}
	p.Dress(390, "light")
	speaks := func(lang string) {
		t.Helper()
		if _, err := chromedp.Call(p.Ctx, network.SetCookie, network.SetCookieParams{Name: web.LanguageCookie, Value: lang, URL: g.URL}); err != nil {
			t.Fatal(err)
		}
	}
	speaks("de")
	p.Open("/scan#used")
	p.Until(`document.getElementById("refused").textContent === "Dieser Code gilt nicht oder nicht mehr. Lassen Sie auf der Seite Scanner einen neuen machen."`)
	p.enrols("north")
	g.keys.Delete("north")
	p.gives("ana")
	p.Until(`document.getElementById("found-note").textContent.startsWith("Der Schlüssel dieses Scanners gilt nicht mehr.")`)
	p.keep("door-de")
	g.cut.Store(true)
	p.Open("/scan/")
	p.Until(`document.documentElement.lang === "de" && document.getElementById("net").textContent.startsWith("Offline")`)
	g.cut.Store(false)
	speaks("en")
	p.Open("/scan/") // from what is kept, which is renewed meanwhile
	p.Until(`caches.match("/scan/").then((kept) => kept.text()).then((text) => { globalThis.keptLang = text.match(/lang="(\w+)"/)[1]; }), globalThis.keptLang === "en"`)
	p.Open("/scan/")
	p.Until(`document.documentElement.lang === "en"`)
}

// A hand scanner types a code and Enter. What is shown stays until it is touched, and the field is
// ready for the next ticket.
func TestBrowserHandScannerTouchesNothingAway(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	p := h.gate(o.Event).scanner(t, "north", "")
	types := func(n int) {
		t.Helper()
		ticket := h.ticket(o.ID, n)
		p.Do(chromedp.KeyEvent(h.Code(&ticket) + "\r"))
	}
	p.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`document.getElementById("hand").focus(); void 0`)))
	types(1)
	p.Until(`document.getElementById("word").textContent === "Go in" && document.getElementById("verdict").hidden`)
	types(1)
	p.Until(`document.getElementById("word").textContent === "Stop" && document.activeElement.id === "next"`)
	types(2)
	p.Until(`!document.getElementById("verdict").hidden && document.getElementById("word").textContent === "Stop"`)
	p.click("next")
	p.Until(`document.getElementById("verdict").hidden && document.activeElement.id === "hand" && document.getElementById("hand").value === ""`)
	types(2)
	p.Until(`document.getElementById("word").textContent === "Go in"`)
	p.Quiet()
}
