package hub

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// TestGoldenPages draws the main states of the pages from fixed data. To accept
// a change: go test ./modules/hub -run Golden -update
func TestGoldenPages(t *testing.T) { webtest.Golden(t, "hub", goldenPages(t)) }

var goldenID = id.ID{0x01, 0x98, 0x0c, 15: 7}

func goldenReport(finished bool) Report {
	start, end := rigStart, rigStart.Add(4*time.Second)
	r := Report{
		Notification: Notification{ID: goldenID, App: "festival", State: stateSending, Audience: 1200, SendAt: start, ExpiresAt: start.Add(24 * time.Hour),
			CreatedBy: "ana", CreatedAt: start, StartedAt: &start,
			Draft: Draft{App: "festival", Tags: "fan && !muted", Template: "alert", Properties: map[string]any{"title": "Doors <open>", "title_de": "Einlass"}}},
		Total: 1200, Recorded: 700, Waiting: 20, Requests: 725, Retried: 5, Opened: 40, Clicked: 3, Seconds: 3.5, Rate: 200,
		Outcomes: map[string]int64{stateDelivered: 690, stateGone: 8, stateFailed: 2}, Holding: map[push.Service]string{push.FCM: "the service does not answer well; next try 12:00:30"},
		Services: []Breakdown{{Name: "apns", Total: 800, Recorded: 600, Outcomes: map[string]int64{stateDelivered: 592, stateGone: 8}},
			{Name: "fcm", Total: 400, Recorded: 100, Retried: 5, Outcomes: map[string]int64{stateDelivered: 98, stateFailed: 2}}},
		Locales: []Breakdown{{Name: "de-ch", Recorded: 500, Outcomes: map[string]int64{stateDelivered: 498, stateFailed: 2}},
			{Name: "ar", Recorded: 200, Outcomes: map[string]int64{stateDelivered: 192, stateGone: 8}}},
	}
	if finished {
		r.Notification.State, r.Notification.FinishedAt, r.Recorded, r.Waiting = stateDone, &end, 1200, 0
	}
	return r
}

var goldenSamples = []Sample{
	{Service: push.APNs, Locale: "de-ch", Installation: "phone-1", Bytes: 70, Limit: 4096, Payload: json.RawMessage(`{"aps":{"alert":{"title":"Einlass","body":"Tor A"}},"image":"https://example.org/a.jpg"}`)},
	{Service: push.FCM, Locale: "ar", Bytes: 5000, Limit: 4096, Payload: json.RawMessage(`{"notification":{"title":"الأبواب","body":"A"}}`)},
	{Service: push.WebPush, Locale: "en", Bytes: 20, Limit: 3993, Payload: json.RawMessage(`{"data":{"sync":true}}`)},
}

// goldenPages are the views by "<page>-<state>".
func goldenPages(t *testing.T) map[string]any {
	t.Helper()
	busy := reachPage{
		Lanes: laneRows([]LaneState{{App: "festival", Service: push.FCM, Breaker: "open", Probe: &rigStart, Pace: 9999.5}, {App: "festival", Service: push.APNs, Breaker: "closed", Flying: 12}}),
	}
	busy.census([]population{{"apns", StatusActive, "de", 1_200_000}, {"webpush", StatusActive, "fr", 3}, {"fcm", StatusRetired, "de", 9}})
	sending, done := goldenReport(false), goldenReport(true)
	wrong := composePage{Form: readComposeForm(composed("id", goldenID.String(), "tags", "fan &&", "more", "x")), Apps: []appChoice{{"festival", "Summer", []string{"alert"}}, {"club", "Club", []string{"alert", "encore"}}}}
	wrong.Wrong, wrong.Elsewhere = wrong.Form.place([]fault.Field{{Name: "tags", Problem: "ends too early", Fix: "write a tag after &&"}, {Name: "more", Problem: "line 1 is no property"}, {Name: "expires_at", Problem: "is not after the send"}})
	wrong.Audience = audienceView{Problem: "ends too early", Fix: "write a tag after &&"}
	dry := wrong
	dry.Wrong, dry.Elsewhere, dry.Audience = nil, nil, audienceView{Total: 2, Services: []part{newPart(serviceText("apns"), 2, 2)}}
	dry.Dry = &dryView{Previews: galleryOf(goldenSamples), Blocked: true, Warnings: []string{"apns default: Hello $(name) is literal"}}
	return map[string]any{
		"reach-busy":           busy,
		"notifications-none":   notificationsPage{First: true},
		"notification-sending": notificationPage{progress: progressOf(sending), Audience: audienceWords(sending.Notification.Draft), Sent: instant{rigStart}, Expires: instant{rigStart.Add(24 * time.Hour)}, By: "ana", Previews: galleryOf(goldenSamples[:1])},
		"notification-done": notificationPage{progress: progressOf(done), Audience: "everyone", Sent: instant{rigStart}, Expires: instant{rigStart.Add(24 * time.Hour)}, Critical: true, Previews: galleryOf(goldenSamples),
			History: history{Width: 1, Ticks: []tick{{1, 700, 700, 690}, {2, 300, 300, 300}, {3, 200, 200, 200}}}, Looked: "phone-1",
			Trace: &Trace{Installation: "phone-1", Outcome: stateGone, Steps: []Step{{At: &rigStart, What: "the notification was accepted", OK: true}, {What: "gone after 1 attempt", OK: false}}}},
		"compose-wrong":      wrong,
		"compose-preview":    dry,
		"installations-none": installationsPage{Empty: true},
	}
}

func TestEveryTemplateIsTried(t *testing.T) {
	webtest.Tried(t, "hub", goldenPages(t), "installation") // TestInstallationsAreFound
}

func TestPreviewReadsWhatPhonesShow(t *testing.T) {
	for _, tc := range []struct {
		service            push.Service
		payload            string
		title, body, image string
	}{
		{push.APNs, `{"aps":{"alert":{"title":"T","body":"B"}},"image":"I"}`, "T", "B", "I"},
		{push.APNs, `{"aps":{"alert":"B"}}`, "", "B", ""},
		{push.APNs, `{"aps":{"content-available":1}}`, "", "", ""},
		{push.FCM, `{"notification":{"title":"T","body":"B"},"data":{"image":"I"}}`, "T", "B", "I"},
		{push.FCM, `{"notification":{"title":"T"},"android":{"notification":{"title":"A"}}}`, "A", "", ""},
		{push.FCM, `{"data":{"title":"T","body":"B"}}`, "T", "B", ""},
		{push.WebPush, `{"title":"T","body":"B","image":"I"}`, "T", "B", "I"},
		{push.WebPush, `{"notification":{"title":"T","body":7}}`, "T", "7", ""},
		{push.WebPush, `"just text"`, "", "", ""},
		{push.APNs, `null`, "", "", ""},
	} {
		if title, body, image := shownText(tc.service, json.RawMessage(tc.payload)); title != tc.title || body != tc.body || image != tc.image {
			t.Errorf("%s %s: %q, %q, %q", tc.service, tc.payload, title, body, image)
		}
	}
}

func TestGalleryShowsEveryServiceAndFaultsFirst(t *testing.T) {
	var all []Sample
	for _, service := range push.Services {
		for _, locale := range []string{"ar", "de", "en", "fr"} {
			all = append(all, Sample{Service: service, Locale: locale, Limit: 10, Payload: json.RawMessage(`{}`)})
		}
	}
	all[3].Installation, all[6].Bytes, all[7].Bytes, all[5].Bytes = "phone", 11, 11, 11
	g := galleryOf(all)
	var first []string
	for _, p := range g.First {
		first = append(first, string(p.Service)+" "+p.Locale)
	}
	if got, want := strings.Join(first, ", "), "apns fr, apns ar, fcm de, fcm en, fcm fr, webpush ar, webpush de"; got != want || len(g.More) != 5 {
		t.Errorf("first %s, %d more", got, len(g.More))
	}
}

func FuzzPreview(f *testing.F) {
	for _, s := range goldenSamples {
		f.Add(string(s.Service), s.Locale, []byte(s.Payload))
	}
	f.Fuzz(func(t *testing.T, service, locale string, payload []byte) {
		p := previewOf(Sample{Service: push.Service(service), Locale: locale, Payload: payload, Bytes: len(payload), Limit: 10})
		if p.Direction != "ltr" && p.Direction != "rtl" || p.Used > 100 || p.Over != (len(payload) > 10) {
			t.Errorf("%+v", p)
		}
	})
}

func TestNumbersInWords(t *testing.T) {
	for _, tc := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "0 %"}, {0, 9, "0 %"}, {1, 1_000_000, "< 0.1 %"}, {1, 20, "5.0 %"}, {1, 2, "50 %"}, {996, 1000, "99.6 %"}, {999_999, 1_000_000, "> 99.9 %"}, {7, 7, "100 %"}} {
		if got := percent(tc.part, tc.whole); got != tc.want {
			t.Errorf("%d of %d: %s, want %s", tc.part, tc.whole, got, tc.want)
		}
	}
	for seconds, want := range map[float64]string{0.44: "0.4 s", 74: "74 s", 125: "2 min 05 s", 7300: "2 h 01 min", 300_000: "3 days"} {
		if got := lasting(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
	if direction("ar-EG") != "rtl" || direction("he") != "rtl" || direction("de") != "ltr" || direction("?") != "ltr" {
		t.Error("directions")
	}
}
