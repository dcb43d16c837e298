package app

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

// visitor does in a browser what people do: reads what is seen, presses what can be
// pressed, fills in what has a label. Each waits until it is there.
type visitor struct {
	*webtest.Browser
	t    testing.TB
	part string // of the page that is looked at: how its words begin; "": all of it
}

func newVisitor(t testing.TB, base string) visitor {
	t.Helper()
	return visitor{Browser: webtest.NewBrowserUp(t, base, ".."), t: t}
}

// visitor opens a browser at the house; owner lets it be signed in as who claimed it.
func (h *house) visitor(owner bool) visitor {
	h.t.Helper()
	v := newVisitor(h.t, h.url)
	if owner {
		if h.owner == nil {
			h.claimed()
		}
		_, err := chromedp.Call(v.Ctx, network.SetCookie, network.SetCookieParams{Name: h.owner.Name, Value: h.owner.Value, URL: h.url})
		h.must(err)
	}
	v.Dress(1280, "light")
	return v
}

// within looks at the smallest part of the page whose words begin so.
func (v visitor) within(part string) visitor { v.part = part; return v }

// here finds elements that are seen: by their words, the beginning of them, or some of them.
const here = `(() => {
	const words = x => (x.innerText || x.value || "").trim().replace(/\s+/g, " ");
	const seen = x => x.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && !x.closest(".hidden");
	const part = %q && [...document.querySelectorAll("section, fieldset, form, details, [role=group], dl > div, tr, li")].findLast(x => seen(x) && words(x).startsWith(%[1]q));
	const find = (what, text) => { const all = [...(part || document).querySelectorAll(what)].filter(seen); return all.find(x => words(x) === text) ?? all.find(x => words(x).startsWith(text)) ?? all.find(x => words(x).includes(text)) };
	if (part === undefined || document.readyState !== "complete") return false;
	%s
})()`

func (v visitor) do(script string, blanks ...any) {
	v.t.Helper()
	v.Until(fmt.Sprintf(here, v.part, fmt.Sprintf(script, blanks...)))
}

// press presses a link, a button or a fold with these words, and waits for the page it leads to.
func (v visitor) press(text string) {
	v.t.Helper()
	v.do(`const x = find("a, button, summary", %q); if (!x) return false;
	window.leaving = x.localName !== "summary"; x.click(); return true`, text)
	v.Until(`!window.leaving`)
}

// fill fills in the field with this label; of a choice it takes the one that reads so.
func (v visitor) fill(label, value string) {
	v.t.Helper()
	v.do(`const x = find("label", %q)?.control, text = %q; if (!x || x.disabled) return false;
	const said = [...(x.options ?? [])].find(o => o.text === text)?.value ?? text;
	x.focus(); x.value = said; for (const e of ["input", "change"]) x.dispatchEvent(new Event(e, {bubbles: true})); return x.value === said`, label, value)
}

// tick chooses what this label stands beside.
func (v visitor) tick(label string) {
	v.t.Helper()
	v.do(`const x = find("label", %q)?.control; if (!x) return false; x.click(); return x.checked`, label)
}

// sees waits until each of the texts is seen.
func (v visitor) sees(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		v.do(`return words(part || document.body).toLowerCase().includes(%q.toLowerCase())`, text)
	}
}
