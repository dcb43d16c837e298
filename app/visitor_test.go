package app

import (
	"fmt"
	"testing"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

// visitor does in a browser what people do: reads what is seen, presses what can be
// pressed, fills in what has a label. Each waits until it is there.
type visitor struct {
	*webtest.Browser
	t testing.TB
}

func newVisitor(t testing.TB, base string) visitor {
	t.Helper()
	return visitor{webtest.NewBrowserUp(t, base, ".."), t}
}

// here finds elements that are seen, by the beginning of their words.
const here = `(() => {
	const seen = x => x.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && !x.closest(".hidden");
	const words = x => (x.innerText || x.value || "").trim().replace(/\s+/g, " ");
	const find = (what, text) => { const all = [...document.querySelectorAll(what)].filter(seen); return all.find(x => words(x) === text) ?? all.find(x => words(x).startsWith(text)) };
	%s
})()`

// press presses a link, a button or a fold whose words begin so, and waits for the page it leads to.
func (v visitor) press(text string) {
	v.t.Helper()
	v.Until(fmt.Sprintf(here, fmt.Sprintf(`const x = document.readyState === "complete" && find("a, button, summary", %q); if (!x) return false;
	window.leaving = x.localName !== "summary"; x.click(); return true`, text)))
	v.Until(`!window.leaving`)
}

// fill fills in the field with this label.
func (v visitor) fill(label, value string) {
	v.t.Helper()
	v.Until(fmt.Sprintf(here, fmt.Sprintf(`const x = find("label", %q)?.control; if (!x) return false;
	if (x.type === "radio" || x.type === "checkbox") { x.click(); return x.checked }
	x.focus(); x.value = %q; for (const e of ["input", "change"]) x.dispatchEvent(new Event(e, {bubbles: true})); return x.value === %[2]q`, label, value)))
}

// tick chooses what this label stands beside.
func (v visitor) tick(label string) { v.t.Helper(); v.fill(label, "") }

// sees waits until each of the texts is seen.
func (v visitor) sees(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		v.Until(fmt.Sprintf(`document.body.innerText.toLowerCase().includes(%q.toLowerCase())`, text))
	}
}
