package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"encoding/json"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
)

// modelRow is what an installation or a registration is to the model.
type modelRow struct {
	handle    int
	user      string
	tags      []string
	templates map[string][]string // by name, with their own tags; of a registration at most one
	no        int                 // order of first registration
}

// model is a hub thought out plainly: what is registered, and which row of each handle
// ordinary sends reach.
type model struct {
	installations, registrations map[string]modelRow
	main                         map[int]string // by handle: "phone~" or a registration's id
	last                         int
}

func newModel() *model {
	return &model{installations: map[string]modelRow{}, registrations: map[string]modelRow{}, main: map[int]string{}}
}

func (m *model) number(known modelRow) int {
	if known.no == 0 {
		m.last++
		return m.last
	}
	return known.no
}

// left finds another main row for a handle that a row has given up.
func (m *model) left(handle int, id string) {
	if m.main[handle] != id {
		return
	}
	delete(m.main, handle)
	best := 0
	for id, r := range m.registrations {
		if r.handle == handle && (best == 0 || r.no < best) {
			best, m.main[handle] = r.no, id
		}
	}
}

func (m *model) putInstallation(id string, r modelRow) {
	old, known := m.installations[id]
	r.no = m.number(old)
	for other, o := range m.installations {
		if other != id && o.handle == r.handle {
			delete(m.installations, other) // the handle moves with its owner
		}
	}
	m.installations[id] = r
	m.main[r.handle] = id + "~"
	if known && old.handle != r.handle {
		m.left(old.handle, id+"~")
	}
}

func (m *model) putRegistration(id string, r modelRow) {
	old, known := m.registrations[id]
	r.no = m.number(old)
	m.registrations[id] = r
	if m.main[r.handle] == "" {
		m.main[r.handle] = id
	}
	if known && old.handle != r.handle {
		m.left(old.handle, id)
	}
}

func (m *model) deleteInstallation(id string) {
	if old, known := m.installations[id]; known {
		delete(m.installations, id)
		m.left(old.handle, id+"~")
	}
}

func (m *model) deleteRegistration(id string) {
	if old, known := m.registrations[id]; known {
		delete(m.registrations, id)
		m.left(old.handle, id)
	}
}

// reached is the ids of the rows that a notification goes to, sorted.
func (m *model) reached(reach Reach, own bool, expr *tagexpr.Expr) []string {
	out := []string{}
	add := func(id, installation string, r modelRow, more []string) {
		has := map[string]bool{}
		for _, t := range append(slices.Clone(r.tags), more...) {
			has[t] = true
		}
		has["user:"+r.user], has["$userid:{"+r.user+"}"] = r.user != "", r.user != ""
		has["$installationid:{"+installation+"}"] = installation != ""
		if expr.Match(func(tag string) bool { return has[tag] }) {
			out = append(out, id)
		}
	}
	for id, r := range m.installations {
		for name, tags := range r.templates {
			if own {
				add(id+"~"+name, id, r, tags)
			}
		}
		if !own && (reach == EachNative || m.main[r.handle] == id+"~") {
			add(id+"~", id, r, nil)
		}
	}
	for id, r := range m.registrations {
		rendered := len(r.templates) > 0
		switch {
		case own && rendered, !own && reach == EachNative && !rendered, !own && reach == EachPhone && m.main[r.handle] == id:
			add(id, "", r, nil)
		}
	}
	slices.Sort(out)
	return out
}

// player does to a hub and to its model the same.
type player struct {
	*rig
	m *model
	t *rapid.T
}

// modelHandle gives four handles, the last of a platform that is only stored.
func (p *player) modelHandle(n int) push.Handle {
	if n == 3 {
		return push.Handle{Kind: "wns", Value: "https://wns.example.com/channel/3"}
	}
	return p.services.Handle(push.APNs, n, "")
}

func (p *player) drawRow(templates int) modelRow {
	tags := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID[string])
	r := modelRow{handle: rapid.IntRange(0, 3).Draw(p.t, "handle"), user: rapid.SampledFrom([]string{"", "u1"}).Draw(p.t, "user"),
		tags: tags.Draw(p.t, "tags"), templates: map[string][]string{}}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"news", "Score_1"}), 0, templates, rapid.ID[string]).Draw(p.t, "templates") {
		r.templates[name] = tags.Draw(p.t, "template tags")
	}
	return r
}

func ownTemplateOf(tags []string) Template {
	return Template{Body: `{"aps":{"alert":"$(title)"}}`, Tags: tags}
}

func (p *player) installation(id string, r modelRow) *Installation {
	h := p.modelHandle(r.handle)
	in := &Installation{App: "festival", ID: id, Kind: h.Kind, Handle: h.Value, User: r.user, Tags: r.tags, Templates: map[string]Template{}}
	for name, tags := range r.templates {
		in.Templates[name] = ownTemplateOf(tags)
	}
	return in
}

func (p *player) registration(id string, r modelRow) *Registration {
	h := p.modelHandle(r.handle)
	out := &Registration{App: "festival", ID: id, Kind: h.Kind, Handle: h.Value, User: r.user, Tags: r.tags}
	for name := range r.templates {
		t := ownTemplateOf(nil) // a registration has one list of tags
		out.TemplateName, out.Template = name, &t
	}
	return out
}

var (
	modelPhones        = []string{"i1", "i2", "i3"}
	modelRegistrations = []string{"r1", "r2", "r3", "i1"} // an installation's name too: they do not meet
)

// step does one random thing.
func (p *player) step() {
	ctx := p.rig.t.Context()
	phone := rapid.SampledFrom(modelPhones).Draw(p.t, "installation")
	id := rapid.SampledFrom(modelRegistrations).Draw(p.t, "registration")
	switch rapid.SampledFrom([]string{"put", "put", "patch", "delete", "register", "register", "bulk", "deregister"}).Draw(p.t, "step") {
	case "put":
		r := p.drawRow(2)
		_, err := p.Put(ctx, p.installation(phone, r))
		p.must(err)
		p.m.putInstallation(phone, r)
	case "patch":
		r, known := p.m.installations[phone]
		if !known {
			return
		}
		r.templates = p.drawRow(2).templates
		value, err := json.Marshal(p.installation(phone, r).Templates)
		p.must(err)
		_, err = p.Patch(ctx, "festival", phone, []PatchOp{{Op: "replace", Path: "/templates", Value: value}}, nil)
		p.must(err)
		p.m.putInstallation(phone, r)
	case "delete":
		_ = p.DeleteInstallation(ctx, "festival", phone)
		p.m.deleteInstallation(phone)
	case "register":
		r := p.drawRow(1)
		_, known := p.m.registrations[id]
		created, err := p.PutRegistration(ctx, p.registration(id, r), nil)
		p.must(err)
		if created == known {
			p.t.Fatalf("registration %s: created %v", id, created)
		}
		p.m.putRegistration(id, r)
	case "bulk":
		p.bulk()
	case "deregister":
		_, known := p.m.registrations[id]
		if err := p.DeleteRegistration(ctx, "festival", id, nil); (err == nil) != known {
			p.t.Fatalf("delete %s: %v", id, err)
		}
		p.m.deleteRegistration(id)
	}
}

// bulk puts several registrations at once. None of them is known: what order moves of
// known ones take effect in is not said.
func (p *player) bulk() {
	ids := slices.DeleteFunc(slices.Clone(modelRegistrations), func(id string) bool { _, known := p.m.registrations[id]; return known })
	var rows []*Registration
	for _, id := range ids {
		r := p.drawRow(1)
		rows = append(rows, p.registration(id, r))
		p.m.putRegistration(id, r)
	}
	b, err := p.PutRegistrations(p.rig.t.Context(), "festival", rows, Upsert)
	p.must(err)
	if b.Created != len(rows) || b.Updated != 0 || len(b.Refused) != 0 {
		p.t.Fatalf("bulk of %d: %+v", len(rows), b)
	}
}

// drawExpression writes a tag expression.
func drawExpression(t *rapid.T) string {
	leaf := rapid.SampledFrom([]string{"a", "b", "c", "user:u1", "$UserId:{u1}", "$InstallationId:{i1}", "$InstallationId:{I2}"})
	text := leaf.Draw(t, "tag")
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		text = fmt.Sprintf(rapid.SampledFrom([]string{"!(%s) && %s", "(%s) || %s", "(%s) && !%s", "(%s) && %s"}).Draw(t, "operator"), text, leaf.Draw(t, "tag"))
	}
	return rapid.SampledFrom([]string{"", text}).Draw(t, "expression")
}

// compare sends every way to an expression and looks who got it.
func (p *player) compare(tags string) {
	expr, err := tagexpr.Parse(tags)
	p.must(err)
	native := Draft{Native: map[push.Service]json.RawMessage{push.APNs: json.RawMessage(`{"aps":{"alert":"x"}}`)}, Reach: EachNative}
	for name, d := range map[string]Draft{"each phone": hello, "each native": native, "own templates": {Properties: hello.Properties}} {
		d.Tags = tags
		want := p.m.reached(d.Reach, d.ownTemplates(), expr)
		n := p.send(d)
		p.work()
		list, _, err := p.Deliveries(p.rig.t.Context(), n, deliveryPlace{No: noPlace}, 1000)
		p.must(err)
		got := []string{}
		for _, one := range list {
			got = append(got, one.Registration)
			unsupported := one.Kind == "wns"
			if unsupported && (one.State != stateFailed || one.Reason != reasonUnsupported) || !unsupported && one.State != stateDelivered {
				p.t.Fatalf("%s to %q: %+v", name, tags, one)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || n.Audience != int64(len(want)) {
			p.t.Fatalf("%s to %q reached %q (audience %d), want %q", name, tags, got, n.Audience, want)
		}
		d.App = "festival"
		if dry, err := p.DryRun(p.rig.t.Context(), d); err != nil || dry.Audience != int64(len(want)) {
			p.t.Fatalf("dry run of %s to %q: %d %v, want %d", name, tags, dry.Audience, err, len(want))
		}
	}
}

// listed compares what the hub lists with the model.
func (p *player) listed() {
	want := []string{}
	for id, r := range p.m.installations {
		want = append(want, id+"~")
		for name := range r.templates {
			want = append(want, id+"~"+name)
		}
	}
	want = append(want, slices.Collect(maps.Keys(p.m.registrations))...)
	slices.Sort(want)
	got := []string{}
	for after := ""; ; {
		page, next, err := p.Registrations(p.rig.t.Context(), RegistrationQuery{App: "festival", After: after, Limit: 3})
		p.must(err)
		for _, r := range page {
			got = append(got, r.ID)
			if strings.Contains(r.ID, "~") != (r.Installation != "") || (r.Template == nil) != (strings.HasSuffix(r.ID, "~") || r.Installation == "" && len(p.m.registrations[r.ID].templates) == 0) {
				p.t.Fatalf("listed %+v", r)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		p.t.Fatalf("listed %q, want %q", got, want)
	}
}

func (p *player) clean() {
	ctx := p.rig.t.Context()
	for _, id := range modelPhones {
		_ = p.DeleteInstallation(ctx, "festival", id)
	}
	_, err := p.DeleteRegistrations(ctx, "festival", modelRegistrations)
	p.must(err)
}

// Whatever is registered, moved and deleted in whatever order, each kind of notification
// reaches exactly the rows that a plain reading of the rules says.
func TestRowsReachedEqualTheModel(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(t *rapid.T) {
		p := &player{rig: r, m: newModel(), t: t}
		p.clean()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			p.step()
		}
		p.listed()
		p.compare(drawExpression(t))
	})
}
