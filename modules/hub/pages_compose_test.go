package hub

import (
	"net/url"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/id"
)

func composed(change ...string) url.Values {
	v := url.Values{
		"id": {id.New().String()}, "app": {"festival"}, "tags": {"fan"}, "template": {"alert"}, "when": {"now"}, "do": {"send"},
		"locale": {"", "de"}, "title": {"Doors open", "Einlass"}, "body": {"Gate A", "Tor A"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func TestFormSentTwiceSendsOnce(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "", tagged("fan"))
	form := composed()
	there := "/notifications/" + form.Get("id")
	for range 2 {
		rec := visit(e, "/notifications/new", form)
		if rec.Code != 303 || rec.Header().Get("Location") != there {
			t.Fatalf("%d to %q, want %q: %s", rec.Code, rec.Header().Get("Location"), there, rec.Body)
		}
	}
	list, _, err := r.Notifications(t.Context(), "", place{}, 10)
	r.must(err)
	if len(list) != 1 || list[0].CreatedBy != "ana" || list[0].Draft.Properties["title_de"] != "Einlass" {
		t.Errorf("sent: %+v", list)
	}
}

// Presses at once meet in the database, not one after the other.
func TestFormSentAtOnceSendsOnce(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "", tagged("fan"))
	form := composed()
	codes := make(chan int)
	for range 20 {
		go func() { codes <- visit(e, "/notifications/new", form).Code }()
	}
	for range 20 {
		if code := <-codes; code != 303 {
			t.Errorf("status %d", code)
		}
	}
	list, _, err := r.Notifications(t.Context(), "", place{}, 30)
	r.must(err)
	if len(list) != 1 {
		t.Errorf("sent %d times", len(list))
	}
}

func TestPreviewSendsNothing(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "", tagged("fan"), speaks("de-CH"))
	r.phone(push.WebPush, 2, "", tagged("fan"), speaks("ar"))
	rec := visit(e, "/notifications/new", composed("do", "preview"))
	shows(t, rec, 200, "Send to 2 installations", "Preview on an iPhone", `lang="de-ch" dir="ltr"`, "Einlass", "Preview in a browser", `lang="ar" dir="rtl"`)
	if list, _, _ := r.Notifications(t.Context(), "", place{}, 10); len(list) != 0 {
		t.Errorf("a preview sent %d", len(list))
	}
}

func TestWrongInputsStandBesideTheirFields(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	for name, tc := range map[string]struct {
		change []string
		shown  []string
	}{
		"tags":     {[]string{"tags", "fan &&"}, []string{`id="tags" name="tags" value="fan &amp;&amp;"`, `aria-invalid="true"`}},
		"template": {[]string{"template", "nothing"}, []string{"has no template"}},
		"text":     {[]string{"title", "", "body", ""}, []string{"and text are empty"}},
		"more":     {[]string{"more", "just words"}, []string{"line 1 is no property", "just words</textarea>"}},
		"at":       {[]string{"when", "at", "send_at", "soon"}, []string{"is not a date and time", `value="at" checked`}},
		"local":    {[]string{"when", "local"}, []string{"local_time</bdi> is missing"}},
		"large":    {[]string{"body", strings.Repeat("long ", 1000)}, []string{"bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			shows(t, visit(e, "/notifications/new", composed(tc.change...)), 422, append(tc.shown, `class="wrong"`)...)
		})
	}
	if list, _, _ := r.Notifications(t.Context(), "", place{}, 10); len(list) != 0 {
		t.Errorf("a wrong form sent %d", len(list))
	}
}

func TestLanguagesAreAddedAndRemoved(t *testing.T) {
	e := newSite(t, newRig(t).Service)
	rec := visit(e, "/notifications/new", composed("do", "add", "language", "fr-ch"))
	shows(t, rec, 200, `name="locale" value="fr-CH"`, "Einlass", "Tor A")
	rec = visit(e, "/notifications/new", composed("do", "remove-1"))
	shows(t, rec, 200, "Doors open")
	if strings.Contains(rec.Body.String(), "Einlass") {
		t.Error("the language is still there")
	}
	for _, wrong := range []string{"", "de", "not a language"} {
		shows(t, visit(e, "/notifications/new", composed("do", "add", "language", wrong)), 200, `id="language-wrong"`)
	}
}

func TestAudienceCounts(t *testing.T) {
	r := newRig(t)
	e := newSite(t, r.Service)
	r.phone(push.APNs, 1, "", tagged("fan"))
	r.phone(push.FCM, 2, "", tagged("fan", "vip"))
	rec := visit(e, "/notifications/audience?app=festival&tags=fan+%26%26+!vip", nil)
	shows(t, rec, 200, "<strong>1</strong> installation", "Apple (APNs) 1")
	if strings.Contains(rec.Body.String(), "<html") {
		t.Error("the fragment is a whole page")
	}
	shows(t, visit(e, "/notifications/audience?app=festival&tags=fan+%26%26", nil), 200, `class="wrong"`)
}
