package sales

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// forget makes the houses look at the database again.
func forget(houses ...*house) {
	for _, h := range houses {
		h.hall.mu.Lock()
		for _, r := range h.hall.rooms {
			r.seen = time.Time{}
		}
		h.hall.mu.Unlock()
	}
}

func TestTheWaitingRoomLetsInAtItsPace(t *testing.T) {
	one := newHouse(t)
	other := houseOn(t, one.db)
	other.event = one.event
	ctx, event := t.Context(), one.event
	if err := one.hall.admit(ctx, event, ""); err != nil {
		t.Errorf("without a room: %v", err)
	}
	if _, err := one.hall.join(ctx, event); !fault.Is(err, fault.NotFound) {
		t.Errorf("a place in no room: %v", err)
	}
	one.exec(`INSERT INTO sales.room (event, mode, opens_at, advanced_at) VALUES ($1, 'on', now() + interval '1 hour', now())`, event)
	forget(one, other)

	// 200 gather at two replicas; nobody is in, and each has a number of his own.
	tickets := map[string]bool{}
	for range 100 {
		for _, h := range []*house{one, other} {
			s, err := h.hall.join(ctx, event)
			if err != nil || s.Pass != "" || s.Wait < 59*time.Minute {
				t.Fatalf("before the doors open: %+v, %v", s, err)
			}
			tickets[s.Ticket] = true
		}
	}
	if len(tickets) != 200 {
		t.Fatalf("200 people have %d numbers", len(tickets))
	}
	if err := one.hall.admit(ctx, event, "guess"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without a pass: %v", err)
	}

	// The doors open; 500 a second for a tenth of a second are 50 people.
	one.exec(`UPDATE sales.room SET opens_at = now() - interval '1 minute', advanced_at = now() - interval '100 milliseconds', drawn = issued`)
	forget(one, other)
	places, in := map[uint64]bool{}, 0
	var pass string
	for ticket := range tickets {
		s, err := other.hall.ask(ctx, event, ticket)
		if err != nil || places[s.Place] || s.Place > 200 {
			t.Fatalf("asking again: %+v, %v", s, err)
		}
		places[s.Place] = true
		if s.Pass != "" {
			in, pass = in+1, s.Pass
		} else if s.Ask < 2*time.Second || s.Wait <= 0 {
			t.Errorf("who waits is told when to ask again: %+v", s)
		}
	}
	if in < 45 || in > 110 { // the database's clock runs on between the statements
		t.Errorf("%d were let in, about 50 should be", in)
	}
	if err := one.hall.admit(ctx, event, pass); err != nil {
		t.Errorf("with a pass from another replica: %v", err)
	}
	for what, token := range map[string]string{"a ticket as a pass": one.ticketOf(tickets), "another event's": one.hall.sign(id.New(), "pass", 1<<40),
		"an old one": one.hall.sign(event, "pass", 1)} {
		if err := one.hall.admit(ctx, event, token); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func (h *house) ticketOf(tickets map[string]bool) string {
	for ticket := range tickets {
		return ticket
	}
	return ""
}

func TestAnAutomaticRoomClosesWhenTheTillIsCrowded(t *testing.T) {
	h := newHouse(t)
	h.exec(`INSERT INTO sales.room (event, opens_at, advanced_at) VALUES ($1, now(), now())`, h.event)
	if active, err := h.hall.active(t.Context(), h.event); active || err != nil {
		t.Errorf("a quiet evening: %v, %v", active, err)
	}
	h.till.meter.crowd(h.event)
	h.till.meter.add(1000, 600*time.Millisecond)
	capacity, events := h.till.meter.read()
	if err := h.till.store.crowd(t.Context(), id.New(), capacity, events); err != nil {
		t.Fatal(err)
	}
	forget(h)
	if active, err := h.hall.active(t.Context(), h.event); !active || err != nil {
		t.Errorf("crowded: %v, %v", active, err)
	}
	r := h.hall.rooms[h.event]
	if want := 1000 / 0.6 * admittedShare; r.rate < want-1 || r.rate > want+1 {
		t.Errorf("lets in %.0f a second, measured was twice %.0f", r.rate, want)
	}
	if _, again := h.till.meter.read(); len(again) > 0 {
		t.Error("told twice of one crowd")
	}
}

// The promoter closes the room until the sale begins; an event that has none gets one
// when its till is crowded.
func TestARoomIsSetAndComesByItself(t *testing.T) {
	h := newHouse(t)
	ctx, e := t.Context(), h.concert(Category{PriceMinor: 100, Capacity: 10})
	if err := h.SetRoom(ctx, e.ID, "ajar", time.Time{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a mode that is none: %v", err)
	}
	if err := h.SetRoom(ctx, id.New(), RoomOn, time.Time{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a room of no event: %v", err)
	}
	active := func() bool {
		yes, err := h.hall.active(ctx, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if active() {
		t.Error("a quiet evening")
	}
	if err := h.till.store.crowd(ctx, id.New(), 0, []id.ID{e.ID}); err != nil {
		t.Fatal(err)
	}
	h.hall.forget(e.ID)
	if !active() {
		t.Error("a crowded till closes no door")
	}
	if err := h.SetRoom(ctx, e.ID, RoomOff, time.Time{}); err != nil || active() {
		t.Errorf("off: %v", err)
	}
	if err := h.SetRoom(ctx, e.ID, RoomOn, h.db.Now().Add(time.Hour)); err != nil || !active() {
		t.Errorf("on: %v", err)
	}
	if s, err := h.hall.join(ctx, e.ID); err != nil || s.Pass != "" || s.Wait < 59*time.Minute {
		t.Errorf("before it opens: %+v, %v", s, err)
	}
}
