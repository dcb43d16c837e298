package hub

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestBrowserSeesProgressMove(t *testing.T) {
	r := newRig(t)
	for i := range 30 {
		r.phone(push.Services[i%3], i, "", tagged("fan"))
	}
	n := r.send(hello)
	b := webtest.Browse(t, newSite(t, r.Service))
	b.Open("/notifications/" + n.ID.String())
	b.Until(`document.querySelector("#progress progress").value === 0 && document.querySelector("[data-live]") !== null`)
	r.clock.Advance(3 * time.Second)
	b.Until(`document.querySelector("#progress").innerText.includes("3.0 s")`) // an event arrived
	r.work()
	b.Until(`document.querySelector("#progress progress").value === 30`)
	b.Until(`document.querySelector("#said").textContent.startsWith("Finished")`)
	b.Until(`document.querySelector("#progress .state").textContent === "done" && !document.querySelector("#cancel")`)
	b.Quiet()
}

func TestBrowserCountsTheAudienceWhileTyping(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "", tagged("fan"))
	r.phone(push.FCM, 2, "", tagged("fan", "vip"))
	b := webtest.Browse(t, newSite(t, r.Service))
	b.Open("/notifications/new")
	b.Until(`document.querySelector("#audience").innerText.startsWith("2 ")`)
	if b.Vendored() {
		b.Do(chromedp.SendKeys(chromedp.CSS("#tags"), "vip"))
		b.Until(`document.querySelector("#audience").innerText.startsWith("1 installation")`)
	} else {
		t.Log("web/assets/vendor is missing: the count is told by the preview alone")
	}
	b.Do(chromedp.SendKeys(chromedp.CSS("#title-0"), "Doors open\r")) // Enter previews, it does not send
	b.Until(`document.querySelector("#preview .phone") !== null`)
	b.Quiet()
}

// Every page, in both colour schemes, on a phone and on a desk: nothing reaches
// beyond the window, and axe-core finds nothing against WCAG 2.2 AA.
func TestBrowserFindsPagesAccessible(t *testing.T) {
	r := newRig(t)
	b := webtest.Browse(t, newSite(t, r.Service))
	b.Look("/reach")
	for i := range 9 {
		r.phone(push.Services[i%3], i, "", speaks([]string{"de", "ar", "en"}[i/3]), tagged("fan", "stage:main"))
	}
	r.phone(push.APNs, 10, "dead4101")
	r.phone(push.APNs, 11, "dead4002")
	r.phone(push.FCM, 12, "badpayload-")
	n := r.send(hello)
	r.work()
	at := r.clock.Now().Add(time.Hour)
	later := r.send(Draft{Template: "alert", SendAt: &at, Properties: map[string]any{"title": "Later"}})
	r.must(r.pauseCredential(t.Context(), "festival", push.FCM, "SENDER_ID_MISMATCH"))
	for _, path := range []string{"/reach", "/notifications", "/notifications/" + n.ID.String() + "?installation=apns-0", "/notifications/" + later.ID.String(),
		"/notifications/new", "/installations", "/installations?tags=%26", "/installations/festival/apns-0", "/nothing-here"} {
		b.Look(path)
	}
	b.Quiet("/nothing-here", "tags=%26") // an error page has an error's status
}
