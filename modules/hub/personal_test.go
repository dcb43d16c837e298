package hub

import (
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A personal notification is one for all its phones: each gets its own code, beside what is
// shared, and nobody else gets anything; the list of what people wrote leaves it out.
func TestPersonalGivesEachPhoneItsOwn(t *testing.T) {
	r := newRig(t)
	var phones []Installation
	for i, s := range push.Services {
		phones = append(phones, r.phone(s, 2*i, ""), r.phone(s, 2*i+1, "", speaks("de-CH")))
	}
	own := map[string]map[string]any{"nobody knows": {"body": "code-x"}}
	for i, p := range phones[:5] {
		own[strings.ToUpper(p.ID)] = map[string]any{"body": "code-" + string(rune('a'+i))}
	}
	until := r.clock.Now().Add(5 * time.Minute)
	send := func(own map[string]map[string]any) error {
		put, err := r.Personal(t.Context(), "festival", "alert", map[string]any{"title": "A drink"}, own, until)
		if err != nil {
			return err
		}
		return r.db.InTx(t.Context(), put)
	}
	r.must(send(own))
	r.must(send(map[string]map[string]any{"nobody": {"body": "x"}}))
	r.work()
	for i, p := range phones {
		got := r.got(p.Handle)
		if i == 5 {
			if len(got) != 0 {
				t.Errorf("who was not meant got %q", got)
			}
			continue
		}
		if len(got) != 1 || !strings.Contains(got[0], "A drink") || !strings.Contains(got[0], "code-"+string(rune('a'+i))) {
			t.Errorf("phone %d got %q", i, got)
		}
	}
	all, _, err := r.Notifications(t.Context(), "", place{}, 10)
	if err != nil || len(all) != 1 || all[0].Draft.Personal != 5 || all[0].Audience != 5 || !all[0].ExpiresAt.Equal(until) {
		t.Fatalf("%+v %v", all, err)
	}
	if rep := r.report(all[0].ID); rep.Outcomes[stateDelivered] != 5 || rep.Notification.State != stateDone {
		t.Errorf("%+v", rep)
	}
	if written, _, err := r.notifications(t.Context(), "", place{}, 10, false); err != nil || len(written) != 0 {
		t.Errorf("%d are listed among what people wrote: %v", len(written), err)
	}
	d := hello
	d.Personal = 3
	if _, err := r.trySend(d); !fault.Is(err, fault.Invalid) {
		t.Errorf("a caller said that it is personal: %v", err)
	}
}
