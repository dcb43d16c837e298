package sales

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/admission"
	"github.com/usherhq/usher/modules/sales/pay"
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

// What one event's scanner says of another event's ticket is refused, and leaves the ticket good.
func TestScanAtAnotherEventsDoorLeavesTheTicketAlone(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	other := h.concert(Category{PriceMinor: 1, Capacity: 1})
	at := h.db.Now().Add(-time.Minute)
	ticket := h.ticket(o.ID, 1)
	offline := func(s Scan) Scan {
		s.ID, s.Offline, s.ScannedAt, s.LetIn = id.New(), true, &at, true
		return s
	}
	got := h.report(other.ID, "elsewhere", offline(Scan{Order: &o.ID, N: 1}), offline(Scan{Code: h.Code(&ticket)}), Scan{ID: id.New(), Order: &o.ID, N: 2})
	h.says(got, admission.WrongEvent, admission.WrongEvent, admission.WrongEvent)
	if c, err := h.DoorCounts(t.Context(), other.ID); err != nil || c.In != 0 || c.Refused != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	if n := h.number(`SELECT coalesce(sum((data->>'count')::int), 0) FROM stream.log WHERE type = 'sales.tickets_admitted'`); n != 0 {
		t.Errorf("%d people were announced", n)
	}
	if _, err := h.handTo(o, 2, 1, "Ben"); err != nil {
		t.Error("it cannot be handed on:", err)
	}
	h.exec(`UPDATE sales.scan SET let_in = true WHERE event = $1`, other.ID) // as they were logged once
	h.says(h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&ticket)}, Scan{ID: id.New(), Order: &o.ID, N: 2}), admission.Admitted, admission.Admitted)
	again := h.report(other.ID, "elsewhere", Scan{ID: id.New(), Code: h.Code(&ticket)})
	h.says(again, admission.WrongEvent)
	for _, u := range again[0].Uses {
		if u.Device == "north" {
			t.Error("another event's scanner is told where the ticket was used:", u)
		}
	}
}

// Its tickets are void, as their pages say, and nothing is taken for them.
func TestCancelledEventLetsNobodyIn(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, _ := h.dueOrder(e, two)
	if _, err := h.SetState(t.Context(), e.ID, EventCancelled, nil); err != nil {
		t.Fatal(err)
	}
	ticket := h.ticket(o.ID, 1)
	got := h.report(e.ID, "north", Scan{ID: id.New(), Code: h.Code(&ticket)}, Scan{ID: id.New(), Order: &o.ID, N: 2})
	h.says(got, admission.Void, admission.Void)
	if got[0].Owed != (Owed{}) {
		t.Error("money is asked for an event that was cancelled:", got[0].Owed)
	}
	found, _, err := h.Guests(t.Context(), &e, GuestQuery{Limit: 10})
	if err != nil || !found[0].Void || found[0].DueMinor != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if snap, err := h.DoorSnapshot(t.Context(), e.ID, time.Time{}); err != nil || !snap.Cancelled {
		t.Errorf("a scanner without a network would let in: %+v, %v", snap, err)
	}
	if c, err := h.DoorCounts(t.Context(), e.ID); err != nil || c.In != 0 {
		t.Error(c, err)
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

func TestDoorKnowsWhatIsStillToBePaid(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	paid := h.buyAs(e, "Ben", 1)
	o, _ := h.dueOrder(e, two)
	due, nothing := Owed{5200, "EUR"}, Owed{}
	ticket := h.ticket(o.ID, 1)
	scans := func() []Scanned {
		return h.report(e.ID, "north", Scan{ID: id.New(), Code: h.Code(&ticket)}, Scan{ID: id.New(), Order: &o.ID, N: 2}, Scan{ID: id.New(), Order: &paid.ID, N: 1})
	}
	got := scans()
	h.says(got, admission.Admitted, admission.Admitted, admission.Admitted)
	if got[0].Owed != due || got[1].Owed != due || got[2].Owed != nothing {
		t.Errorf("scans owe %v, %v and %v", got[0].Owed, got[1].Owed, got[2].Owed)
	}
	if got := scans(); got[0].Verdict != admission.AlreadyUsed || got[0].Owed != due {
		t.Errorf("somebody who went in without paying: %+v", got[0])
	}
	if snap, err := h.DoorSnapshot(t.Context(), e.ID, time.Time{}); err != nil || len(snap.Due) != 1 || snap.Due[0] != (DueOrder{o.ID, 5200}) || snap.Currency != "EUR" {
		t.Errorf("%+v, %v", snap, err)
	}
	owing := func() (list, sheet string) {
		found, _, err := h.Guests(t.Context(), &e, GuestQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range found {
			list += fmt.Sprintf("%s/%d %d%s ", g.Name, g.N, g.DueMinor, g.Currency)
		}
		for _, row := range h.export(e.ID, "attendees") {
			sheet += row["name"] + "/" + row["n"] + " " + row["due_minor"] + row["currency"] + " "
		}
		return list, sheet
	}
	if list, sheet := owing(); list != "Ana/1 5200EUR Ana/2 5200EUR Ben/1 0 " || sheet != "Ana/1 5200EUR Ana/2 5200EUR Ben/1 0EUR " {
		t.Errorf("guests %s, attendees %s", list, sheet)
	}

	h.in(func(tx *db.Tx) error { _, err := h.ReceiveAtDoor(tx, taking{e.ID, o.ID, 5200, nil}); return err })
	if got := scans(); got[0].Owed != nothing || got[1].Owed != nothing {
		t.Errorf("once it is paid, scans owe %v and %v", got[0].Owed, got[1].Owed)
	}
	if list, sheet := owing(); strings.Contains(list+sheet, "5200") {
		t.Errorf("once it is paid: guests %s, attendees %s", list, sheet)
	}
	if snap, err := h.DoorSnapshot(t.Context(), e.ID, time.Time{}); err != nil || len(snap.Due) != 0 || snap.Currency != "" {
		t.Errorf("%+v, %v", snap, err)
	}
}

// A ticket that was given back owes nothing, and the others owe less.
func TestVoidTicketsOweNothingAtTheDoor(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, _ := h.dueOrder(e, two)
	if _, err := h.refund(o.ID, Refunding{Tickets: []int{1}}); err != nil {
		t.Fatal(err)
	}
	got := h.report(e.ID, "north", Scan{ID: id.New(), Order: &o.ID, N: 1}, Scan{ID: id.New(), Order: &o.ID, N: 2})
	h.says(got, admission.Void, admission.Admitted)
	if got[0].Owed != (Owed{}) || got[1].Owed != (Owed{2600, "EUR"}) {
		t.Errorf("%v, %v", got[0].Owed, got[1].Owed)
	}
	found, _, err := h.Guests(t.Context(), &e, GuestQuery{Limit: 10})
	if err != nil || found[0].DueMinor != 0 || found[1].DueMinor != 2600 {
		t.Errorf("%+v, %v", found, err)
	}
}

// notes keeps what would be written into the audit log.
type notes []string

func (n *notes) Note(_ *db.Tx, actor, action, object string, detail map[string]any) error {
	*n = append(*n, fmt.Sprint(actor, " ", action, " ", object, " ", detail["amount_minor"]))
	return nil
}

// scanner sends what a scanner's key for the event may, and what it may not.
func (h *house) scanner(event id.ID) func(path, key string, body any) *httptest.ResponseRecorder {
	site := newSite(h.t, nil, nil)
	web.Mounter{Echo: site, Guard: doorkeeper{event}}.Routes(append(h.scanRoutes(), h.paymentRoutes()...)...)
	return func(path, key string, body any) *httptest.ResponseRecorder {
		raw, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(raw))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer key-of-north")
		req.Header.Set("Idempotency-Key", key)
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		return rec
	}
}

// Who may scan records money that is due at the door of that event, once, and no other money.
func TestScannersRecordOnlyWhatIsDueAtTheirDoor(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	var audit notes
	h.cfg.Audit = &audit
	e, two := stand(h, 10)
	other := h.concert(Category{PriceMinor: 100, Capacity: 5})
	o, p := h.dueOrder(e, two)
	elsewhere, _ := h.dueOrder(other, Wanted{Category: other.Categories[0].ID, Qty: 1})
	transfer, err := h.checkout(h.cart(e, two), pay.Transfer)
	if err != nil {
		t.Fatal(err)
	}
	free := h.buyAs(e, "Ben", 1)
	send := h.scanner(e.ID)
	const there = "/v1/scans/received"
	for name, c := range map[string]struct {
		asked taking
		want  int
	}{
		"another event's door":        {taking{other.ID, elsewhere.ID, 100, nil}, http.StatusForbidden},
		"another event's order":       {taking{e.ID, elsewhere.ID, 100, nil}, http.StatusNotFound},
		"an order that is paid":       {taking{e.ID, free.ID, 2500, nil}, http.StatusNotFound},
		"no order":                    {taking{e.ID, id.New(), 5200, nil}, http.StatusNotFound},
		"less than what is due":       {taking{e.ID, o.ID, 5199, nil}, http.StatusBadRequest},
		"nothing at all":              {taking{e.ID, o.ID, 0, nil}, http.StatusBadRequest},
		"a payment, not yet an order": {taking{e.ID, transfer.Payment.ID, 5200, nil}, http.StatusNotFound},
	} {
		if rec := send(there, name, c.asked); rec.Code != c.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := send("/v1/payments/"+transfer.Payment.ID.String()+"/received", "t", receiving{5200}); rec.Code != http.StatusUnauthorized {
		t.Errorf("a scanner recorded a bank transfer: %d", rec.Code)
	}
	h.becomes(p, PaymentDue, "")
	for range 2 {
		rec := send(there, "once", taking{e.ID, o.ID, 5200, nil})
		shows(t, rec, http.StatusOK, `"paid_minor":5200`, `"currency":"EUR"`)
		if strings.Contains(rec.Body.String(), "@") {
			t.Errorf("a scanner is told of the buyer: %s", rec.Body)
		}
	}
	shows(t, send(there, "again", taking{e.ID, o.ID, 5200, nil}), http.StatusConflict, "received already")
	h.becomes(p, PaymentSettled, "")
	if want := "key:north payment.received payment:" + p.ID.String() + " 5200"; len(audit) != 1 || audit[0] != want {
		t.Errorf("noted: %q, want once: %s", audit, want)
	}
	if found, err := h.InvoicesOf(t.Context(), o.ID); err != nil || len(found) != 1 {
		t.Errorf("%d invoices, %v", len(found), err)
	}
	h.auditMoney()
}

// Two doors without a network took the money of one order: it is booked once, and both stand
// where the promoter can see which one to give back. Who reports or presses again took it once.
func TestMoneyThatTwoDoorsTookIsShown(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, p := h.dueOrder(e, two)
	early, late := h.db.Now().Add(-20*time.Minute).Truncate(time.Second), h.db.Now().Add(-10*time.Minute).Truncate(time.Second)
	report := func(device string, minor int64, at *time.Time) error {
		ctx, in := web.WithActor(t.Context(), "key:"+device), taking{e.ID, o.ID, minor, at}
		return h.notBooked(ctx, in, h.db.InTx(ctx, func(tx *db.Tx) error {
			_, err := h.ReceiveAtDoor(tx, in)
			return err
		}))
	}
	for _, c := range []struct {
		device string
		minor  int64
		at     *time.Time
		want   fault.Code
	}{
		{"east", 5100, nil, fault.Invalid}, // nobody says that it was taken
		{"south", 5200, &late, ""},
		{"south", 5200, &late, fault.Conflict},   // its answer was lost
		{"south", 5200, nil, fault.Conflict},     // pressed again
		{"south 2", 5200, &late, fault.Conflict}, // its answer was lost, and the phone was enrolled again
		{"north", 5200, &early, fault.Conflict},
		{"north", 5200, &early, fault.Conflict},
	} {
		if err := report(c.device, c.minor, c.at); fault.CodeOf(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	h.becomes(p, PaymentSettled, "")
	found, err := h.Overpaid(t.Context(), e.ID)
	if err != nil || len(found) != 1 || found[0].Order != o.ID || len(found[0].Takings) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	if got := found[0].Takings; got[0] != (DoorTaking{"north", early.UTC(), 5200, "EUR", false}) || got[1] != (DoorTaking{"south", late.UTC(), 5200, "EUR", true}) {
		t.Errorf("%+v", got)
	}
	if c, err := h.DoorCounts(t.Context(), e.ID); err != nil || c.Overpaid != 1 {
		t.Error(c, err)
	}
	site := newSite(t, nil, nil)
	web.Mounter{Echo: site, Guard: doorkeeper{e.ID}}.Routes(h.scanRoutes()...)
	req := httptest.NewRequest(http.MethodGet, "/v1/scans/overpaid?event="+e.ID.String(), nil)
	req.Header.Set("Authorization", "Bearer key-of-north")
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	shows(t, rec, http.StatusOK, `"device":"south"`, `"device":"north"`, `"booked":false`)
	other, _ := h.dueOrder(e, two)
	if _, err := h.refund(other.ID, Refunding{Tickets: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if err := report("west", 5200, nil); !fault.Is(err, fault.Conflict) {
		t.Error("from a list that was old:", err)
	}
	o = other
	if err := report("north", 5200, &late); !fault.Is(err, fault.Invalid) {
		t.Error("more than is due by now:", err)
	}
	if found, err = h.Overpaid(t.Context(), e.ID); err != nil || len(found) != 2 || len(found[0].Takings) != 3 || len(found[1].Takings) != 1 || found[1].Takings[0].Booked {
		t.Errorf("%+v, %v", found, err)
	}
}

// A program says that it let somebody in with what is no ticket of ours: that is logged, and the
// door goes on, for all other scanners too.
func TestWhatIsNoTicketLetsNobodyIn(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	at := h.db.Now().Add(-time.Minute)
	gone := h.codes.Code(admission.Ticket{Event: o.Event, Order: id.New(), N: 1, Version: 1})
	for _, code := range []string{"X", gone} {
		h.says(h.report(o.Event, "north", Scan{ID: id.New(), Code: code, Offline: true, LetIn: true, ScannedAt: &at}), admission.Unknown)
	}
	open := func() {
		t.Helper()
		if snap, err := h.DoorSnapshot(t.Context(), o.Event, time.Time{}); err != nil || len(snap.Used) != 0 {
			t.Errorf("%+v, %v", snap.Used, err)
		}
		if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 0 || c.Double != 0 {
			t.Error(c, err)
		}
	}
	open()
	h.exec(`UPDATE sales.scan SET let_in = true WHERE order_id IS NULL`) // as they were logged once
	h.report(o.Event, "south", Scan{ID: id.New(), Code: "Y"})
	h.exec(`UPDATE sales.scan SET let_in = true WHERE order_id IS NULL`)
	open()
}

// The network was slow: we had said no, but the phone had waited long enough, judged by what it
// knew and let somebody in. It reports the same scan: both uses are seen.
func TestAnswerThatCameTooLateHidesNobody(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	ticket := h.ticket(o.ID, 1)
	h.says(h.report(o.Event, "north", Scan{ID: id.New(), Code: h.Code(&ticket)}), admission.Admitted)
	at := h.db.Now()
	asked := Scan{ID: id.New(), Code: h.Code(&ticket)}
	h.says(h.report(o.Event, "south", asked), admission.AlreadyUsed)
	told := asked
	told.Offline, told.LetIn, told.ScannedAt = true, true, &at
	for range 2 {
		h.says(h.report(o.Event, "south", told, told), admission.AlreadyUsed, admission.AlreadyUsed)
	}
	h.says(h.report(o.Event, "south", asked), admission.AlreadyUsed)
	all, err := h.Doubles(t.Context(), o.Event)
	if err != nil || len(all) != 1 || len(all[0].Uses) != 2 || all[0].Uses[1].Device != "south" || !all[0].Uses[1].Offline {
		t.Errorf("%+v, %v", all, err)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c != (DoorCounts{Valid: 2, In: 1, Double: 1}) {
		t.Error(c, err)
	}
	if n := h.number(`SELECT sum((data->>'count')::int) FROM stream.log WHERE type = 'sales.tickets_admitted'`); n != 1 {
		t.Errorf("%d people were announced", n)
	}
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	second := h.ticket(o.ID, 2)
	void := Scan{ID: id.New(), Code: h.Code(&second)}
	h.says(h.report(o.Event, "south", void), admission.Void)
	void.Offline, void.LetIn, void.ScannedAt = true, true, &at
	got := h.report(o.Event, "south", void)
	h.says(got, admission.Void)
	if len(got[0].Uses) != 1 {
		t.Errorf("nobody went in with a ticket that was refunded: %+v", got)
	}
}

// A name of 60 letters is as long as identity takes it for a scanner, in any script.
func TestScannersNameMayBeOfAnyScript(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	h.says(h.report(o.Event, strings.Repeat("Ж", 60), Scan{ID: id.New(), Order: &o.ID, N: 1}), admission.Admitted)
	for _, name := range []string{"", strings.Repeat("Ж", 61), "a\tb"} {
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := h.CheckIn(tx, o.Event, name, []Scan{{ID: id.New(), Code: "X"}})
			return err
		})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got := deviceOf(web.Caller{Label: strings.Repeat("Ж", 61)}); got != strings.Repeat("Ж", 60) {
		t.Errorf("%q", got)
	}
}

// A program that gives each scan the same id is told, and not that everybody may go in.
func TestScanIDIsGoodForOneTicket(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	one := Scan{ID: id.New(), Order: &o.ID, N: 1}
	two := Scan{ID: one.ID, Order: &o.ID, N: 2}
	refused := func(scans ...Scan) {
		t.Helper()
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.CheckIn(tx, o.Event, "north", scans); return err })
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "another ticket") {
			t.Errorf("%v", err)
		}
	}
	refused(one, two)
	h.says(h.report(o.Event, "north", one), admission.Admitted)
	refused(two)
}

// undo takes back at the event's door; the error is the test's.
func (h *house) undo(event, order id.ID, n int) (back []Use, err error) {
	err = h.db.InTx(h.t.Context(), func(tx *db.Tx) (err error) { back, err = h.Undo(tx, event, ticketName{order, n}, "Cleo"); return err })
	return back, err
}

// Who was let in by mistake is taken back: the ticket lets in again, at every door.
func TestAnAdmissionIsUndone(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	other := h.concert(Category{PriceMinor: 1, Capacity: 1})
	ticket := h.ticket(o.ID, 1)
	if _, err := h.undo(o.Event, o.ID, 1); !fault.Is(err, fault.Conflict) {
		t.Error("with nobody in:", err)
	}
	if _, err := h.undo(o.Event, id.New(), 1); !fault.Is(err, fault.NotFound) {
		t.Error("a ticket that does not exist:", err)
	}
	first := Scan{ID: id.New(), Code: h.Code(&ticket)}
	h.says(h.report(o.Event, "north", first), admission.Admitted)
	if _, err := h.undo(other.ID, o.ID, 1); !fault.Is(err, fault.NotFound) {
		t.Error("at another event's door:", err)
	}
	began := h.db.Now()
	back, err := h.undo(o.Event, o.ID, 1)
	if err != nil || len(back) != 1 || back[0].Scan != first.ID {
		t.Fatalf("%+v, %v", back, err)
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c != (DoorCounts{Valid: 2, Undone: 1}) {
		t.Errorf("%+v, %v", c, err)
	}
	snap, err := h.DoorSnapshot(t.Context(), o.Event, began)
	if err != nil || len(snap.Used) != 0 || len(snap.Undone) != 1 || snap.Undone[0] != (UndoneTicket{o.ID, 1}) {
		t.Errorf("%+v, %v", snap, err)
	}
	h.says(h.report(o.Event, "north", first), admission.Admitted) // reported again: that was then
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.In != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	h.says(h.report(o.Event, "south", Scan{ID: id.New(), Code: h.Code(&ticket)}, Scan{ID: id.New(), Code: h.Code(&ticket)}), admission.Admitted, admission.AlreadyUsed)
	if snap, err = h.DoorSnapshot(t.Context(), o.Event, began); err != nil || len(snap.Used) != 1 || len(snap.Undone) != 0 {
		t.Errorf("who came again: %+v, %v", snap, err)
	}
	if scans, err := h.scansOfOrder(t.Context(), o.ID); err != nil || len(scans) != 3 || scans[0].UndoneAt == nil || scans[1].UndoneAt != nil {
		t.Errorf("the buyer's copy has %+v, %v", scans, err)
	}
	undone, err := h.Undones(t.Context(), o.Event)
	if err != nil || len(undone) != 1 || undone[0].Device != "north" || undone[0].By != "Cleo" || undone[0].N != 1 {
		t.Errorf("%+v, %v", undone, err)
	}
	if n := h.number(`SELECT sum((data->>'count')::int) FROM stream.log WHERE type = 'sales.tickets_admitted' AND key = $1`, o.Event.String()); n != 1 {
		t.Errorf("%d people are announced, one is in", n)
	}
}

// What was refunded or handed on while a scanner had no network stands out when it let in all the same.
func TestWhoWentInWithAVoidTicketIsSeen(t *testing.T) {
	h, _, o := boughtTickets(t, 3)
	good, void, old := h.ticket(o.ID, 1), h.ticket(o.ID, 2), h.ticket(o.ID, 3)
	h.exec(`UPDATE sales.ticket SET voided_at = now() WHERE order_id = $1 AND n = 2`, o.ID)
	if _, err := h.handTo(o, 3, 1, "Ben"); err != nil {
		t.Fatal(err)
	}
	at := h.db.Now().Add(-time.Minute)
	var scans []Scan
	for _, ticket := range []*Ticket{&good, &void, &old} {
		scans = append(scans, Scan{ID: id.New(), Code: h.Code(ticket), Offline: true, ScannedAt: &at, LetIn: true})
	}
	h.says(h.report(o.Event, "north", scans...), admission.Admitted, admission.Void, admission.WrongVersion)
	found, err := h.Invalids(t.Context(), o.Event)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, u := range found {
		if want := map[int]admission.Verdict{2: admission.Void, 3: admission.WrongVersion}[u.N]; u.Verdict != want || u.Device != "north" || !u.Offline {
			t.Errorf("%+v, want %s", u, want)
		}
	}
	if c, err := h.DoorCounts(t.Context(), o.Event); err != nil || c.Invalid != 2 || c.In != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := h.undo(o.Event, o.ID, 2); err != nil {
		t.Fatal(err)
	}
	if found, err = h.Invalids(t.Context(), o.Event); err != nil || len(found) != 1 {
		t.Errorf("who was sent out again: %+v, %v", found, err)
	}
}

// A scanner undoes at its own door, once for each request, and is told what is wrong with others.
func TestScannersUndoAtTheirDoor(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	other := h.concert(Category{PriceMinor: 1, Capacity: 1})
	send := h.scanner(o.Event)
	const there = "/v1/scans/undone"
	h.says(h.report(o.Event, "north", Scan{ID: id.New(), Order: &o.ID, N: 1}), admission.Admitted)
	for name, c := range map[string]struct {
		asked undoing
		want  int
	}{
		"another event's door": {undoing{other.ID, o.ID, 1}, http.StatusForbidden},
		"no such order":        {undoing{o.Event, id.New(), 1}, http.StatusNotFound},
		"no such ticket":       {undoing{o.Event, o.ID, 3}, http.StatusNotFound},
		"no ticket":            {undoing{o.Event, o.ID, 0}, http.StatusBadRequest},
		"far too many":         {undoing{o.Event, o.ID, 1 << 40}, http.StatusBadRequest},
		"nobody in":            {undoing{o.Event, o.ID, 2}, http.StatusConflict},
	} {
		if rec := send(there, name, c.asked); rec.Code != c.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	for range 2 {
		shows(t, send(there, "once", undoing{o.Event, o.ID, 1}), http.StatusOK, `"device":"north"`)
	}
	shows(t, send(there, "again", undoing{o.Event, o.ID, 1}), http.StatusConflict, "nobody is in")
	if found, err := h.Undones(t.Context(), o.Event); err != nil || len(found) != 1 || found[0].By != "north" {
		t.Errorf("%+v, %v", found, err)
	}
}
