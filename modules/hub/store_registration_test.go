package hub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Whoever registers, moves and leaves at once: each handle that somebody holds has one
// main row, and each template of an installation its row.
func TestEachHandleHasOneMainRowWhateverMeets(t *testing.T) {
	r := newRig(t)
	const handles, names = 3, 4
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 20 {
				if err := r.anyChange(random, handles, names); err != nil && !fault.Is(err, fault.NotFound) && !collided(err) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	rows, err := r.db.Pool().Query(t.Context(), `SELECT handle, count(*) FILTER (WHERE main), count(*) FROM hub.installation
		WHERE parent IS NULL GROUP BY handle HAVING count(*) FILTER (WHERE main) <> 1`)
	r.must(err)
	for rows.Next() {
		var handle string
		var mains, all int
		r.must(rows.Scan(&handle, &mains, &all))
		t.Errorf("handle %s has %d rows, %d of them main", handle, all, mains)
	}
	r.must(rows.Err())
	var strays int
	r.must(r.db.Pool().QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM hub.installation c JOIN hub.installation p ON p.app_id = c.app_id AND p.id = c.parent
			WHERE c.handle <> p.handle OR NOT p.templates ? substr(c.id, length(p.id) + 2)) +
		(SELECT count(*) FROM hub.installation p CROSS JOIN LATERAL jsonb_object_keys(p.templates) AS name
			WHERE p.parent IS NULL AND NOT p.registration AND NOT EXISTS (SELECT FROM hub.installation c WHERE c.id = p.id || '~' || name))`).Scan(&strays))
	if strays != 0 {
		t.Errorf("%d rows of templates are wrong or missing", strays)
	}
}

// A main row cannot leave its handle while a registration is being added behind it: it
// waits, and then finds the one that takes its place.
func TestAMainRowWaitsForItsSuccessor(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "")
	left, deleted := context.WithCancel(t.Context())
	var err error
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		if _, err := putRegistrations(tx, []*Registration{{App: "festival", ID: "next", Kind: "apns", Handle: phone.Handle}}, Upsert); err != nil {
			return err
		}
		go func() {
			defer deleted()
			err = r.DeleteInstallation(t.Context(), "festival", phone.ID)
		}()
		_ = waitForLock(left, r.db) // or until it is deleted, which must not be
		return nil
	}))
	<-left.Done()
	r.must(err)
	if n := r.send(hello); n.Audience != 1 {
		t.Errorf("audience %d, want the registration that is left", n.Audience)
	}
}

// An installation that another transaction changes while it is being written is read anew:
// the templates and the handle it then gives up are not those that were seen first.
func TestAPutThatMeetsAnotherSeesWhatItGivesUp(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "")
	passing := r.services.Handle(push.APNs, 2, "")
	r.register("waits", 2, "")
	moved := func(h push.Handle, templates map[string]Template) *Installation {
		in := phone
		in.Kind, in.Handle, in.Templates = h.Kind, h.Value, templates
		return &in
	}
	done := make(chan error, 1)
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		if _, err := putInstallations(tx, []*Installation{moved(passing, map[string]Template{"a": {Body: `{}`}})}, true, true); err != nil {
			return err
		}
		go func() {
			_, err := r.Put(t.Context(), moved(r.services.Handle(push.APNs, 3, ""), nil))
			done <- err
		}()
		return waitForLock(t.Context(), r.db)
	}))
	r.must(<-done)
	if got := r.registrations(RegistrationQuery{}); !slices.Equal(got, []string{phone.ID + "~", "waits"}) {
		t.Errorf("there are %q, want no row of a template that is gone", got)
	}
	if n := r.send(hello); n.Audience != 2 {
		t.Errorf("audience %d, want the phone and the registration it passed by", n.Audience)
	}
}

// anyChange does one random thing to one of a few phones and registrations.
func (r *rig) anyChange(random *rand.Rand, handles, names int) error {
	ctx, name, n := r.t.Context(), fmt.Sprint("x", random.IntN(names)), random.IntN(handles)
	h := r.services.Handle(push.APNs, n, "")
	in := &Installation{App: "festival", ID: name, Kind: h.Kind, Handle: h.Value}
	for range random.IntN(3) {
		in.Templates = map[string]Template{"a": {Body: `{}`}}
		if random.IntN(2) == 0 {
			in.Templates["b"] = Template{Body: `{}`}
		}
	}
	one := func() *Registration {
		h := r.services.Handle(push.APNs, random.IntN(handles), "")
		return &Registration{App: "festival", ID: fmt.Sprint("x", random.IntN(names)), Kind: h.Kind, Handle: h.Value}
	}
	var err error
	switch random.IntN(7) {
	case 0:
		_, err = r.Put(ctx, in)
	case 1: // past the inlet: another replica
		_, err = r.PutIf(ctx, in, func(*Installation) error { return nil })
	case 2:
		err = r.DeleteInstallation(ctx, "festival", name)
	case 3, 4:
		_, err = r.PutRegistration(ctx, one(), nil)
	case 5:
		_, err = r.PutRegistrations(ctx, "festival", []*Registration{one(), one(), one()}, Upsert)
	case 6:
		_, err = r.DeleteRegistrations(ctx, "festival", []string{"x0", name})
	}
	return err
}

// A hub from before registrations keeps its installations, and their templates become rows.
func TestTheMigrationGivesTemplatesTheirRows(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "", tagged("fan"), func(in *Installation) {
		in.Templates = map[string]Template{"news": {Body: `{"aps":{"alert":"$(title)"}}`}, "score": {Body: `{"aps":{"alert":"$(body)"}}`}}
	})
	r.phone(push.FCM, 1, "")
	r.register("twin", 1, "")
	text, err := os.ReadFile("../../migrations/0003_hub_registrations.sql")
	r.must(err)
	up, down, ok := strings.Cut(string(text), "-- +goose Down")
	for _, step := range []string{down, up} {
		if _, err := r.db.Pool().Exec(t.Context(), step); err != nil || !ok {
			t.Fatal(err)
		}
	}
	if got := r.registrations(RegistrationQuery{}); !slices.Equal(got, []string{"apns-1~", "fcm-1~", "apns-1~news", "apns-1~score"}) {
		t.Errorf("after the migration there are %q", got)
	}
	if n := r.send(Draft{Tags: "fan", Properties: hello.Properties}); n.Audience != 2 {
		t.Errorf("audience %d, want both templates", n.Audience)
	}
}
