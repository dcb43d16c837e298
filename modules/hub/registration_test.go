package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// register puts a registration of the nth APNs phone.
func (r *rig) register(id string, n int, prefix string, change ...func(*Registration)) Registration {
	r.t.Helper()
	h := r.services.Handle(push.APNs, n, prefix)
	reg := Registration{App: "festival", ID: id, Kind: h.Kind, Handle: h.Value}
	for _, f := range change {
		f(&reg)
	}
	_, err := r.PutRegistration(r.t.Context(), &reg, nil)
	r.must(err)
	return reg
}

func renders(body Body) func(*Registration) {
	return func(r *Registration) { r.TemplateName, r.Template = "own", &Template{Body: body} }
}

func (r *rig) registrations(q RegistrationQuery) (ids []string) {
	r.t.Helper()
	q.App, q.Limit = "festival", 1000
	page, _, err := r.Registrations(r.t.Context(), q)
	r.must(err)
	for _, one := range page {
		ids = append(ids, one.ID)
	}
	return ids
}

func TestARegistrationIsKeptAsItWasPut(t *testing.T) {
	r := newRig(t)
	end := rigStart.Add(90 * 24 * time.Hour)
	given := []Registration{
		{ID: "a", Kind: "apns", Handle: strings.Repeat("AB", 32), Tags: []string{"Vip", "berlin"}, ExpiresAt: &end},
		{ID: "b", Kind: "fcm_token", Handle: "tok:b", User: "Ana", Extra: json.RawMessage(`{"a": [1, "ü"]}`)},
		{ID: "c", Kind: "wns", Handle: "https://db5.notify.windows.com/?token=x%2f", TemplateName: "My template, ü", Extra: json.RawMessage(`"text"`),
			Template: &Template{Body: `<toast>$(a)</toast>`, Headers: map[string]string{"X-WNS-Type": "wns/toast"}}},
		{ID: "d", Kind: "adm", Handle: "amzn1.adm-registration.v1.Y29tLmFtYXpvbi5EZXZpY2VNZXNzYWdpbmc"},
		{ID: "e", Kind: "baidu", Handle: "user-channel", Template: &Template{Body: `{"title":"$(a)"}`}},
		{ID: "f", Kind: "mpns", Handle: "http://s.notify.live.net/u/1/x"},
	}
	for i := range given {
		want := given[i]
		want.App = "festival"
		created, err := r.PutRegistration(t.Context(), &want, nil)
		if err != nil || !created {
			t.Fatalf("%s: %v %v", want.ID, created, err)
		}
		got, err := r.Registration(t.Context(), "", want.ID)
		r.must(err)
		if got.Version != 1 || !got.UpdatedAt.Equal(rigStart) || got.UpdatedAt != want.UpdatedAt || got.Version != want.Version {
			t.Errorf("%s: version %d of %v; put told %d of %v", want.ID, got.Version, got.UpdatedAt, want.Version, want.UpdatedAt)
		}
		got.no, got.Tags = 0, append([]string(nil), got.Tags...)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("kept %+v\nwant %+v", got, want)
		}
	}
	if got := given[0].Handle; got == strings.ToLower(got) {
		t.Error("the test's handle is not in upper case")
	}
}

func TestARegistrationIsChecked(t *testing.T) {
	r := newRig(t)
	sound := func() Registration { return Registration{ID: "a", Kind: "fcm_token", Handle: "tok"} }
	for field, spoil := range map[string]func(*Registration){
		"id":            func(x *Registration) { x.ID = "a b" },
		"handle":        func(x *Registration) { x.Kind = "pigeon" },
		"tags[0]":       func(x *Registration) { x.Tags = []string{"user:boss"} },
		"template":      func(x *Registration) { x.TemplateName = "a" },
		"template.body": func(x *Registration) { x.Template = &Template{} },
		"template.tags": func(x *Registration) { x.Template = &Template{Body: `{}`, Tags: []string{"a"}} },
		"template.headers.apns-expiry": func(x *Registration) {
			x.Template = &Template{Body: `{}`, Headers: map[string]string{"apns-expiry": "$(a"}}
		},
		"template_name": func(x *Registration) { x.TemplateName, x.Template = "a\x00", &Template{Body: `{}`} },
		"extra":         func(x *Registration) { x.Extra = json.RawMessage(`{`) },
	} {
		x := sound()
		spoil(&x)
		_, err := r.PutRegistration(t.Context(), &x, nil)
		if !fault.Is(err, fault.Invalid) || fieldsOf(err, "")[0].Name != field {
			t.Errorf("%s: %v %+v", field, err, fieldsOf(err, ""))
		}
	}
	x := sound()
	x.ID = "phone~news"
	if _, err := r.PutRegistration(t.Context(), &x, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("a row of an installation was put: %v", err)
	}
	if err := r.DeleteRegistration(t.Context(), "", "phone~", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("a row of an installation was deleted: %v", err)
	}
}

// A caller that holds an ETag sees the registration as it is, under lock, and may refuse.
func TestACheckGuardsARegistration(t *testing.T) {
	r := newRig(t)
	refused := errors.New("refused")
	unlessVersion := func(want int64) func(*Registration) error {
		return func(current *Registration) error {
			if current == nil || current.Version != want {
				return refused
			}
			return nil
		}
	}
	x := Registration{ID: "a", Kind: "fcm_token", Handle: "tok"}
	if _, err := r.PutRegistration(t.Context(), &x, unlessVersion(1)); !errors.Is(err, refused) {
		t.Fatalf("an update of nothing: %v", err)
	}
	if _, err := r.Registration(t.Context(), "", "a"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("what was refused is there: %v", err)
	}
	_, err := r.PutRegistration(t.Context(), &x, nil)
	r.must(err)
	x.Tags = []string{"vip"}
	if created, err := r.PutRegistration(t.Context(), &x, unlessVersion(1)); err != nil || created || x.Version != 2 {
		t.Fatalf("update: created %v, version %d, %v", created, x.Version, err)
	}
	if err := r.DeleteRegistration(t.Context(), "", "a", unlessVersion(1)); !errors.Is(err, refused) {
		t.Errorf("deleted an old version: %v", err)
	}
	r.must(r.DeleteRegistration(t.Context(), "", "a", unlessVersion(2)))
	if err := r.DeleteRegistration(t.Context(), "", "a", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestRegistrationsAreFound(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "", tagged("fan"), func(in *Installation) {
		in.User = "Ana"
		in.Templates = map[string]Template{"news": {Body: `{}`, Tags: []string{"Gate"}}}
	})
	r.register("r1", 1, "", func(x *Registration) { x.Tags = []string{"gate"} })
	r.register("r2", 2, "")
	for _, c := range []struct {
		q    RegistrationQuery
		want []string
	}{
		{RegistrationQuery{}, []string{"apns-1~", "apns-1~news", "r1", "r2"}},
		{RegistrationQuery{Tag: "FAN"}, []string{"apns-1~", "apns-1~news"}},
		{RegistrationQuery{Tag: "gate"}, []string{"apns-1~news", "r1"}},
		{RegistrationQuery{Tag: "$InstallationId:{APNS-1}"}, []string{"apns-1~", "apns-1~news"}},
		{RegistrationQuery{Tag: "$UserId:{ana}"}, []string{"apns-1~", "apns-1~news"}},
		{RegistrationQuery{Handle: strings.ToUpper(phone.Handle)}, []string{"apns-1~", "apns-1~news", "r1"}},
		{RegistrationQuery{Handle: phone.Handle, Tag: "gate"}, []string{"apns-1~news", "r1"}},
		{RegistrationQuery{Handle: phone.Handle, Kind: "fcm_token"}, nil},
		{RegistrationQuery{Kind: "apns", Tag: "nobody"}, nil},
	} {
		if got := r.registrations(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	got, err := r.Registration(t.Context(), "", "apns-1~news")
	r.must(err)
	if got.Installation != "apns-1" || got.TemplateName != "news" || got.Template == nil || !slices.Equal(got.Tags, []string{"fan", "gate"}) {
		t.Errorf("an installation's template: %+v", got)
	}
	for _, q := range []RegistrationQuery{{Limit: 0}, {Limit: 1001}, {Limit: 1, After: "x"}, {Limit: 1, Tag: "a && b"}, {Limit: 1, Kind: "pigeon"}} {
		if _, _, err := r.Registrations(t.Context(), q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// A list that is read while others register shows each of those that were there once.
func TestPagesOfRegistrationsWhileOthersCome(t *testing.T) {
	r := newRig(t)
	for i := range 25 {
		r.register(fmt.Sprintf("old-%d", i), i, "")
	}
	seen := map[string]int{}
	for after, pages := "", 0; ; pages++ {
		page, next, err := r.Registrations(t.Context(), RegistrationQuery{After: after, Limit: 4})
		r.must(err)
		for _, x := range page {
			seen[x.ID]++
		}
		if after = next; after == "" {
			break
		}
		if pages < 5 {
			r.register(fmt.Sprintf("new-%d", pages), 100+pages, "")
			r.register("old-7", 7, "") // a change moves nothing
		}
	}
	for i := range 25 {
		if n := seen[fmt.Sprintf("old-%d", i)]; n != 1 {
			t.Errorf("old-%d was listed %d times", i, n)
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d listed, want 30", len(seen))
	}
}

func TestABulkTellsWhatBecameOfEach(t *testing.T) {
	r := newRig(t)
	row := func(id string) *Registration { return &Registration{ID: id, Kind: "fcm_token", Handle: "tok-" + id} }
	r.register("known", 1, "")
	bad := row("bad")
	bad.Kind = "pigeon"
	for _, c := range []struct {
		mode             BulkMode
		created, updated int
		refused          []int
		codes            []fault.Code
	}{
		{Create, 2, 0, []int{1, 2}, []fault.Code{fault.Invalid, fault.Conflict}},
		{Update, 0, 2, []int{1, 3}, []fault.Code{fault.Invalid, fault.NotFound}},
		{Upsert, 2, 2, []int{1}, []fault.Code{fault.Invalid}},
	} {
		_, err := r.DeleteRegistrations(t.Context(), "", []string{"new", "last"})
		r.must(err)
		rows := []*Registration{row("new"), bad, row("known"), row("last")}
		if c.mode == Update {
			r.register("new", 5, "")
		}
		b, err := r.PutRegistrations(t.Context(), "", rows, c.mode)
		r.must(err)
		var refused []int
		var codes []fault.Code
		for _, f := range b.Refused {
			refused, codes = append(refused, f.Index), append(codes, fault.CodeOf(f.Err))
		}
		if c.mode == Upsert {
			c.updated = 1
		}
		if b.Created != c.created || b.Updated != c.updated || !slices.Equal(refused, c.refused) || !slices.Equal(codes, c.codes) {
			t.Errorf("%s: %d created, %d updated, refused %v %v", c.mode, b.Created, b.Updated, refused, codes)
		}
	}
	twice := []*Registration{row("twice"), row("twice")}
	twice[1].Handle = "later"
	b, err := r.PutRegistrations(t.Context(), "", twice, Upsert)
	r.must(err)
	if got, _ := r.Registration(t.Context(), "", "twice"); b.Created != 1 || b.Updated != 1 || got.Handle != "later" {
		t.Errorf("of two with one id %+v stays, %+v", got, b)
	}
	if n, err := r.DeleteRegistrations(t.Context(), "", []string{"twice", "known", "unknown", "apns-1~"}); n != 2 || err != nil {
		t.Errorf("deleted %d of 2: %v", n, err)
	}
}

// What a push service says of a handle holds for every row of it, and for no other.
func TestAllRowsOfADeadHandleRetire(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "dead4101", func(in *Installation) {
		in.Templates = map[string]Template{"news": {Body: `{"aps":{"alert":"$(title)"}}`, Tags: []string{"x"}}, "score": {Body: `{"aps":{"alert":"$(body)"}}`}}
	})
	r.register("twin", 1, "dead4101")
	r.register("other", 2, "", renders(`{"aps":{"alert":"$(title)"}}`))
	n := r.send(Draft{Tags: "x", Properties: hello.Properties})
	r.work()
	if rep := r.report(n.ID); rep.Outcomes[stateGone] != 1 || rep.Total != 1 {
		t.Fatalf("report %+v", rep)
	}
	if got := r.registrations(RegistrationQuery{}); !slices.Equal(got, []string{"other"}) {
		t.Errorf("after the handle died there are %q", got)
	}
	in, err := r.Installation(t.Context(), "festival", phone.ID)
	r.must(err)
	if in.Status != StatusRetired {
		t.Errorf("the installation is %s", in.Status)
	}
	created, err := r.PutRegistration(t.Context(), &Registration{ID: "twin", Kind: "apns", Handle: phone.Handle}, func(current *Registration) error {
		if current != nil {
			t.Errorf("a retired registration is shown: %+v", current)
		}
		return nil
	})
	if err != nil || !created {
		t.Errorf("a retired registration comes back: created %v, %v", created, err)
	}
	if n := r.send(hello); n.Audience != 2 {
		t.Errorf("the living one of a handle takes the place of the dead: audience %d, want 2", n.Audience)
	}
}

// An expired installation leaves its phone to a registration of the same handle.
func TestAnotherRowTakesOverWhatExpired(t *testing.T) {
	r := newRig(t)
	soon := rigStart.Add(time.Hour)
	r.phone(push.APNs, 1, "", func(in *Installation) { in.ExpiresAt = &soon })
	r.register("left", 1, "")
	r.clock.Advance(2 * time.Hour)
	r.must(r.Maintain(t.Context()))
	n := r.send(hello)
	r.work()
	list, _, err := r.Deliveries(t.Context(), n, deliveryPlace{No: noPlace}, 10)
	r.must(err)
	if len(list) != 1 || list[0].Registration != "left" || list[0].State != stateDelivered {
		t.Errorf("deliveries %+v", list)
	}
}

// Platforms that Usher cannot deliver to get a clear outcome, and hold nobody up.
func TestStoredOnlyPlatformsGetAClearOutcome(t *testing.T) {
	r := newRig(t)
	fine := r.phone(push.APNs, 1, "")
	for i, s := range push.StoredOnly {
		in := Installation{App: "festival", ID: fmt.Sprintf("old-%d", i), Service: s, Handle: "https://example.com/channel", Quiet: &Quiet{From: "00:00", To: "23:59"}}
		_, err := r.Put(t.Context(), &in)
		r.must(err)
	}
	n := r.send(hello)
	direct := r.send(Draft{
		Native:  map[push.Service]json.RawMessage{push.WNS: json.RawMessage(`"<toast/>"`), push.APNs: json.RawMessage(`{"aps":{}}`)},
		Targets: []Target{{Kind: "adm", Handle: "a"}, {Kind: "apns", Handle: fine.Handle}, {Kind: "wns", Handle: "b"}},
	})
	r.work()
	rep := r.report(n.ID)
	if !rep.Finished() || rep.Outcomes[stateDelivered] != 1 || rep.Outcomes[stateFailed] != 4 || rep.Requests != 1 {
		t.Fatalf("report %+v", rep)
	}
	for _, b := range rep.Services {
		want := []Cause{{State: stateFailed, Reason: "UnsupportedPlatform", Count: 1}}
		if b.Name == "apns" {
			want = nil
		}
		if !slices.Equal(b.Causes, want) {
			t.Errorf("%s: causes %+v, want %+v", b.Name, b.Causes, want)
		}
	}
	list, _, err := r.Deliveries(t.Context(), direct, deliveryPlace{No: noPlace}, 10)
	r.must(err)
	states := map[int]string{}
	for _, d := range list {
		states[*d.Target] = d.Kind + " " + d.State
	}
	if want := map[int]string{0: "adm failed", 1: "apns delivered", 2: "wns failed"}; !reflect.DeepEqual(states, want) {
		t.Errorf("a direct send's outcomes by handle: %v, want %v", states, want)
	}
}

// A report tells the push services' reasons apart, without reading its deliveries.
func TestAReportCountsCauses(t *testing.T) {
	r := newRig(t)
	for i, prefix := range []string{"", "dead4101", "dead4101", "dead4130"} {
		r.phone(push.APNs, i, prefix)
	}
	n := r.send(hello)
	r.work()
	rep := r.report(n.ID)
	if len(rep.Services) != 1 || len(rep.Services[0].Causes) != 2 || rep.Services[0].Causes[0] != (Cause{stateGone, "Unregistered", 2}) {
		t.Errorf("services %+v", rep.Services)
	}
}

// A trial names the registration, the handle's kind and the outcome of each.
func TestATrialNamesItsRows(t *testing.T) {
	r := newRig(t)
	r.phone(push.FCM, 1, "", func(in *Installation) {
		in.Templates = map[string]Template{"news": {Body: `{"notification":{"title":"$(title)"}}`}}
	})
	r.register("reg", 1, "", renders(`{"aps":{"alert":"$(title)"}}`))
	done := make(chan struct{})
	var out Trial
	var err error
	go func() {
		defer close(done)
		out, err = r.Try(t.Context(), Draft{App: "festival", Properties: hello.Properties}, "test")
	}()
	for finished := false; !finished; {
		r.work()
		select {
		case <-done:
			finished = true
		default:
		}
	}
	r.must(err)
	got := []string{}
	for _, d := range out.Deliveries {
		got = append(got, fmt.Sprint(d.Installation, " ", d.Registration, " ", d.Kind, " ", d.State))
	}
	slices.Sort(got)
	if want := []string{"fcm-1 fcm-1~news fcm_token delivered", "~reg reg apns delivered"}; !slices.Equal(got, want) {
		t.Errorf("deliveries %q, want %q", got, want)
	}
}

// Of two registrations that came in one bulk, the first has the better claim to a handle,
// wherever their first handles stood in the alphabet.
func TestABulkKeepsTheOrderItCameIn(t *testing.T) {
	r := newRig(t)
	at := func(id, handle string) *Registration {
		return &Registration{App: "festival", ID: id, Kind: "fcm_token", Handle: handle}
	}
	_, err := r.PutRegistrations(t.Context(), "festival", []*Registration{at("first", "tok:z"), at("second", "tok:a")}, Upsert)
	r.must(err)
	_, err = r.PutRegistration(t.Context(), at("second", "tok:z"), nil)
	r.must(err)
	phone := Installation{App: "festival", ID: "phone", Kind: "fcm_token", Handle: "tok:z"}
	_, err = r.Put(t.Context(), &phone)
	r.must(err)
	r.must(r.DeleteInstallation(t.Context(), "festival", "phone"))
	n := r.send(hello)
	r.work()
	list, _, err := r.Deliveries(t.Context(), n, deliveryPlace{No: noPlace}, 10)
	r.must(err)
	if len(list) != 1 || list[0].Registration != "first" {
		t.Errorf("reached %+v, want the first of the bulk", list)
	}
}
