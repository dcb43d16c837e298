package hub

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
)

func of(user string) func(*Installation) { return func(in *Installation) { in.User = user } }

func (r *rig) exported(person string) (sections []string, text string) {
	r.t.Helper()
	r.must(r.ExportPerson(r.t.Context(), person, func(section string, v any) error {
		b, err := json.Marshal(v)
		sections, text = append(sections, section), text+string(b)+"\n"
		return err
	}))
	return sections, text
}

func TestPersonIsExportedAndForgotten(t *testing.T) {
	const ana, ben = "0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e55", "0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e66"
	r := newRig(t)
	r.phone(push.APNs, 1, "", of(ana), tagged("fan"))
	r.phone(push.FCM, 2, "", of(strings.ToUpper(ana))) // users are told apart without case, as in tag expressions
	r.phone(push.FCM, 3, "", of(ben))
	n := r.send(hello)
	r.work()
	phone, err := r.findInstallation(t.Context(), "festival", "apns-1")
	r.must(err)
	r.must(r.interact(t.Context(), deliveryID(r.report(n.ID).Notification.no, phone.no), "open"))

	sections, text := r.exported(ana)
	if want := []string{"installation", "delivery", "interaction", "installation", "delivery"}; !slices.Equal(sections, want) {
		t.Fatalf("sections %v\n%s", sections, text)
	}
	if !strings.Contains(text, n.ID.String()) || !strings.Contains(text, `"delivered"`) || strings.Contains(text, "fcm-3") {
		t.Errorf("the export is not Ana's: %s", text)
	}
	for range 2 { // a job may run twice
		r.must(r.ErasePerson(r.t.Context(), ana))
	}
	if sections, _ := r.exported(ana); len(sections) != 0 {
		t.Errorf("left after the erasure: %v", sections)
	}
	if sections, _ := r.exported(ben); len(sections) != 2 {
		t.Errorf("Ben lost something: %v", sections)
	}
	rep := r.report(n.ID)
	if rep.Opened != 0 || rep.Outcomes[stateDelivered] != 3 {
		t.Errorf("the report counts %d opened, %v", rep.Opened, rep.Outcomes)
	}
}

func TestErasureWhileSomethingWaits(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "", of("ana"))
	at := r.clock.Now().Add(time.Minute)
	n := r.send(Draft{Template: "alert", SendAt: &at, Properties: hello.Properties})
	r.must(r.ErasePerson(t.Context(), "ana"))
	r.clock.Advance(2 * time.Minute)
	r.work()
	if rep := r.report(n.ID); !rep.Finished() || rep.Outcomes[stateDelivered] != 0 {
		t.Errorf("a notification to somebody who was forgotten: %+v", rep)
	}
}

func TestASegmentIsAnAudience(t *testing.T) {
	const ana, ben = "0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e55", "0197c2d4-5a3e-7cc1-9d4b-6a1f0c2b7e66"
	r := newRig(t)
	r.phone(push.APNs, 1, "", of(strings.ToUpper(ana)), tagged("rock"))
	r.phone(push.FCM, 2, "", of(ben), tagged("rock"))
	r.phone(push.FCM, 3, "", tagged("rock"))
	set := func(persons map[string][]string) {
		t.Helper()
		r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error { return r.SetSegments(tx, persons) }))
	}
	reached := func(tags string) int64 {
		t.Helper()
		d := hello
		d.Tags = tags
		n := r.send(d)
		r.work()
		return r.report(n.ID).Outcomes[stateDelivered]
	}
	set(map[string][]string{"3": {ana, ben}, "4": {ben}})
	for tags, want := range map[string]int64{"$Segment:{3}": 2, "rock && !$segment:{4}": 2, "$Segment:{4} || $Segment:{9}": 1} {
		if n := reached(tags); n != want {
			t.Errorf("%s reaches %d, want %d", tags, n, want)
		}
	}
	set(map[string][]string{"3": {ana}})
	if n := reached("$Segment:{3} || $Segment:{4}"); n != 1 {
		t.Errorf("who left a segment is still reached: %d", n)
	}
	r.must(r.ErasePerson(t.Context(), ana))
	var left int
	r.must(r.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM hub.segment_member`).Scan(&left))
	if left != 0 {
		t.Errorf("%d rows of the person who was erased", left)
	}
}
