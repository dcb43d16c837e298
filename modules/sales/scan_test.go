package sales

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/admission"
)

// report checks scans in at the order's event.
func (h *house) report(event id.ID, device string, scans ...Scan) (out []Scanned) {
	h.t.Helper()
	h.in(func(tx *db.Tx) (err error) { out, err = h.CheckIn(tx, event, device, scans); return err })
	return out
}

func (h *house) says(got []Scanned, want ...admission.Verdict) {
	h.t.Helper()
	for i, w := range want {
		if i >= len(got) || got[i].Verdict != w {
			h.t.Errorf("scan %d: %+v, want %s", i, got, w)
		}
	}
}

func TestTicketLetsOnePersonIn(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	ticket := h.ticket(o.ID, 1)
	first := Scan{ID: id.New(), Code: h.Code(&ticket)}
	h.says(h.report(o.Event, "north", first), admission.Admitted)
	h.says(h.report(o.Event, "north", first), admission.Admitted) // reported again
	again := h.report(o.Event, "south", Scan{ID: id.New(), Code: h.Code(&ticket)}, Scan{ID: id.New(), Order: &o.ID, N: 2}, Scan{ID: id.New(), Code: "X"})
	h.says(again, admission.AlreadyUsed, admission.Admitted, admission.Unknown)
	if u := again[0].Uses; len(u) != 1 || u[0].Device != "north" || u[0].Scan != first.ID {
		t.Errorf("the first use is %+v", u)
	}
	if _, err := h.handTo(o, 1, 1, "Ben"); !fault.Is(err, fault.Conflict) {
		t.Error("a used ticket was handed on:", err)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c != (DoorCounts{Valid: 2, In: 2, Refused: 2}) {
		t.Error(c, err)
	}
	if n := h.number(`SELECT sum((data->>'count')::int) FROM stream.log WHERE type = 'sales.tickets_admitted' AND key = $1`, o.Event.String()); n != 2 {
		t.Errorf("%d people were announced, two came in", n)
	}
}

func TestDoorRefusesOldVoidAndForeignCodes(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	old := h.ticket(o.ID, 1)
	now, err := h.handTo(o, 1, 1, "Ben")
	if err != nil {
		t.Fatal(err)
	}
	void := h.ticket(o.ID, 2)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	h.says(h.report(id.New(), "north", Scan{ID: id.New(), Code: h.Code(&now)}), admission.WrongEvent)
	h.says(h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&old)}, Scan{ID: id.New(), Code: h.Code(&now)}, Scan{ID: id.New(), Code: h.Code(&void)}),
		admission.WrongVersion, admission.Admitted, admission.Void)
	snap, err := h.DoorSnapshot(t.Context(), o.Event, time.Time{})
	if err != nil || len(snap.Changed) != 2 || snap.Changed[0].Version != 2 || !snap.Changed[1].Void || len(snap.Used) != 1 || len(snap.Keys) != 1 {
		t.Errorf("%+v, %v", snap, err)
	}
}

// Both devices were offline and let somebody in; the later report was of the earlier scan.
func TestTwoOfflineDevicesAreSettledByTheTimeOfTheScan(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	ticket := h.ticket(o.ID, 1)
	early, late := h.db.Now().Add(-20*time.Minute).Truncate(time.Second), h.db.Now().Add(-10*time.Minute).Truncate(time.Second)
	offline := func(at time.Time) Scan {
		return Scan{ID: id.New(), Code: h.Code(&ticket), Offline: true, LetIn: true, ScannedAt: &at}
	}
	south := offline(late)
	h.says(h.report(o.Event, "south", south), admission.Admitted)
	h.says(h.report(o.Event, "north", offline(early)), admission.Admitted)
	h.says(h.report(o.Event, "south", south), admission.Admitted) // what it was told then
	all, err := h.Doubles(t.Context(), o.Event)
	if err != nil || len(all) != 1 || len(all[0].Uses) != 2 {
		t.Fatal(all, err)
	}
	if u := all[0].Uses; u[0].Device != "north" || !u[0].At.Equal(early) || u[1].Device != "south" || !u[1].At.Equal(late) {
		t.Errorf("%+v", u)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 1 || c.Double != 1 {
		t.Error(c, err)
	}
}
