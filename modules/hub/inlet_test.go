package hub

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func tokenAt(app, id string, handle int) *Installation {
	return &Installation{App: app, ID: id, Kind: "apns", Handle: apnsHandle(handle)}
}

// all lists an app's installations, id to handle.
func (d *desk) all(app string) map[string]string {
	d.t.Helper()
	sel, err := d.resolve(d.t.Context(), Selection{App: app})
	if err != nil {
		d.t.Fatal(err)
	}
	items, _, err := d.installations(d.t.Context(), sel, installationPlace{}, 10_000)
	if err != nil {
		d.t.Fatal(err)
	}
	out := map[string]string{}
	for _, in := range items {
		out[in.ID] = in.Handle
	}
	return out
}

func TestRaceForOneHandle(t *testing.T) {
	d := newDesk(t, "festival")
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() { // half through the inlet, half past it: transactions that truly meet
			in := tokenAt("festival", fmt.Sprint("i", i), 7)
			var err error
			if i%2 == 0 {
				_, err = d.Put(t.Context(), in)
			} else {
				_, err = d.PutIf(t.Context(), in, func(*Installation) error { return nil })
			}
			if err != nil && !collided(err) {
				t.Errorf("i%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if left := d.all("festival"); len(left) != 1 {
		t.Errorf("%d installations hold one handle: %v", len(left), left)
	}
}

func TestBurst(t *testing.T) {
	d := newDesk(t, "festival")
	var wg sync.WaitGroup
	const devices, times = 200, 5
	for i := range devices {
		wg.Go(func() {
			for n := range times {
				in := tokenAt("festival", fmt.Sprint("i", i), i)
				in.Tags = []string{fmt.Sprint("t", n)}
				p, err := d.Put(t.Context(), in)
				if err != nil || p.ID != in.ID || p.Version != int64(n+1) {
					t.Errorf("%s put %d: %+v %v", in.ID, n, p, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(d.all("festival")); n != devices {
		t.Errorf("%d installations, want %d", n, devices)
	}
}

// write hands the inlet one batch, as the worker does, and returns its answers.
func (d *desk) write(rows ...*Installation) []reply {
	d.t.Helper()
	batch := make([]*request, len(rows))
	for i, in := range rows {
		if err := in.validate(validZone); err != nil {
			d.t.Fatal(err)
		}
		in.Status = StatusActive
		batch[i] = &request{in: in, answer: make(chan reply, 1)}
	}
	d.inlet.write(batch)
	out := make([]reply, len(rows))
	for i, r := range batch {
		select {
		case out[i] = <-r.answer:
		default:
			d.t.Fatalf("request %d got no answer", i)
		}
	}
	return out
}

// hopingAndWary runs a test with an inlet that hopes that nobody has its handles, and with
// one that frees them at once.
func hopingAndWary(t *testing.T, test func(t *testing.T, d *desk, ready int32)) {
	t.Helper()
	t.Run("hoping", func(t *testing.T) { test(t, newDesk(t, "festival"), 0) })
	t.Run("wary", func(t *testing.T) { test(t, newDesk(t, "festival"), wary) })
}

func TestBatchTakesEffectInOrder(t *testing.T) { hopingAndWary(t, batchTakesEffectInOrder) }

func batchTakesEffectInOrder(t *testing.T, d *desk, ready int32) {
	t.Helper()
	d.write(tokenAt("festival", "a", 1), tokenAt("festival", "b", 2))
	d.inlet.wary.Store(ready)
	got := d.write(
		tokenAt("festival", "a", 3), // a: 1 → 3
		tokenAt("festival", "a", 4), // a: 3 → 4
		tokenAt("festival", "c", 4), // a loses 4 to c and is gone
		tokenAt("festival", "b", 1), // b: 2 → 1, which nobody holds any more
		tokenAt("festival", "d", 2), // d takes what b gave up
	)
	for i, r := range got {
		if r.err != nil {
			t.Errorf("request %d: %v", i, r.err)
		}
	}
	want := map[string]string{"b": apnsHandle(1), "c": apnsHandle(4), "d": apnsHandle(2)}
	if left := d.all("festival"); fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left %v, want %v", left, want)
	}
}

func TestTwoSwapHandles(t *testing.T) { hopingAndWary(t, twoSwapHandles) }

func twoSwapHandles(t *testing.T, d *desk, ready int32) {
	t.Helper()
	d.write(tokenAt("festival", "a", 1), tokenAt("festival", "b", 2))
	d.inlet.wary.Store(ready)
	d.write(tokenAt("festival", "a", 2), tokenAt("festival", "b", 1))
	want := map[string]string{"a": apnsHandle(2), "b": apnsHandle(1)}
	if left := d.all("festival"); fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left %v, want %v", left, want)
	}
}

// Where one phone has moved, the inlet looks for owners, and after a while it hopes again.
func TestInletIsWaryForAWhile(t *testing.T) {
	d := newDesk(t, "festival")
	if d.write(tokenAt("festival", "a", 1)); d.inlet.wary.Load() != 0 {
		t.Error("a new handle made it wary")
	}
	if d.write(tokenAt("festival", "b", 1)); d.inlet.wary.Load() != wary {
		t.Error("it met an owner and is not wary")
	}
	for i := range wary {
		d.write(tokenAt("festival", fmt.Sprint("c", i), 1)) // each takes it from the one before
	}
	if d.inlet.wary.Load() != 0 {
		t.Error("it is wary for ever")
	}
	want := map[string]string{fmt.Sprint("c", wary-1): apnsHandle(1)}
	if left := d.all("festival"); fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left %v, want %v", left, want)
	}
}

func TestOneBadRowFailsAlone(t *testing.T) {
	d := newDesk(t, "festival")
	got := d.write(tokenAt("festival", "a", 1), tokenAt("gone", "b", 2), tokenAt("festival", "c", 3))
	if got[0].err != nil || got[2].err != nil {
		t.Errorf("a neighbour of a bad row failed: %v, %v", got[0].err, got[2].err)
	}
	if !fault.Is(got[1].err, fault.NotFound) {
		t.Errorf("a row of an app that is gone: %v, want not found", got[1].err)
	}
	if left := d.all("festival"); len(left) != 2 {
		t.Errorf("left %v, want a and c", left)
	}
}

func TestFullInletSaysWhenToComeBack(t *testing.T) {
	n := &inlet{queue: make(chan *request)} // nobody works
	_, err := n.submit(t.Context(), tokenAt("festival", "a", 1))
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.Limited || f.RetryAfter <= 0 {
		t.Errorf("a full inlet said %v, want limited with a time", err)
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	d := newDesk(t, "festival")
	n := &inlet{s: d.Service, queue: make(chan *request, 10), done: make(chan struct{})}
	var waiting []*request
	for i := range 10 {
		in := tokenAt("festival", fmt.Sprint("i", i), i)
		if err := in.validate(validZone); err != nil {
			t.Fatal(err)
		}
		in.Status = StatusActive
		r := &request{in: in, answer: make(chan reply, 1)}
		waiting = append(waiting, r)
		n.queue <- r
	}
	go n.work()
	n.close()
	for _, r := range waiting {
		if a := <-r.answer; a.err != nil {
			t.Error(a.err)
		}
	}
	if left := d.all("festival"); len(left) != 10 {
		t.Errorf("%d were written, want 10", len(left))
	}
}

// TestHandleGivenUpMeanwhile lets one transaction give a handle up while another, which
// saw it held, waits to take it: the first owner has a new handle and must stay.
func TestHandleGivenUpMeanwhile(t *testing.T) { hopingAndWary(t, handleGivenUpMeanwhile) }

func handleGivenUpMeanwhile(t *testing.T, d *desk, ready int32) {
	t.Helper()
	d.write(tokenAt("festival", "a", 1))
	d.inlet.wary.Store(ready)
	moved, taker := tokenAt("festival", "a", 2), tokenAt("festival", "b", 1)
	for _, in := range []*Installation{moved, taker} {
		if err := in.validate(validZone); err != nil {
			t.Fatal(err)
		}
		in.Status = StatusActive
	}
	done := make(chan error, 1)
	err := d.db.InTx(t.Context(), func(tx *db.Tx) error {
		if _, err := putInstallations(tx, []*Installation{moved}, true, true); err != nil {
			return err
		}
		go func() {
			_, err := d.putAll(t.Context(), []*Installation{taker}, true)
			done <- err
		}()
		return waitForLock(t.Context(), d.db)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": apnsHandle(2), "b": apnsHandle(1)}
	if left := d.all("festival"); fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left %v, want %v", left, want)
	}
}
