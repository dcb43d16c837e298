package proximity

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// sale is a fact of a till.
func (y *yard) sale(till string, at time.Time) stream.Fact {
	y.n++
	return stream.Fact{Type: "sale.completed", Key: till, Source: "/till", SourceID: fmt.Sprint(y.n), Time: at, ReceivedAt: at,
		Data: []byte(`{"event":"summer","order":"o","quantity":1,"amount":500,"currency":"EUR","till":"` + till + `"}`)}
}

// crowdAtBar lets n phones wait at the bar for a while while its till sells every ten seconds,
// and estimates each minute.
func (y *yard) crowdAtBar(n int, minutes int) {
	y.t.Helper()
	for m := range minutes {
		from := noon.Add(time.Duration(m) * time.Minute)
		var heard []stream.Fact
		for at := time.Duration(0); at < time.Minute; at += 3 * time.Second {
			for i := range n {
				heard = append(heard, y.sighting(phone(i), "bar-1", -60, from.Add(at)))
			}
		}
		y.listen(heard...)
		var sold []stream.Fact
		for at := time.Duration(0); at < time.Minute; at += 10 * time.Second {
			sold = append(sold, y.sale("BAR-till-1", from.Add(at)))
		}
		y.clock.Advance(from.Add(time.Minute).Sub(y.clock.Now()))
		y.must(y.in(func(tx *db.Tx) error { return y.sold(tx.Ctx(), tx, sold) }))
		y.must(y.EstimateQueues(y.t.Context()))
	}
}

// A queue becomes long once, is estimated once a minute however many processes try, and an
// offer at that stall is not given while it is.
func TestQueueBecomesLong(t *testing.T) {
	y := newYard(t)
	y.agree(20)
	y.crowdAtBar(20, 6)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := y.EstimateQueues(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	queues, err := y.Queues(t.Context(), "summer")
	if err != nil || len(queues) != 1 || !queues[0].Known || queues[0].Long == nil || queues[0].Devices != 20 || queues[0].Wait == nil {
		t.Fatalf("%+v %v", queues, err)
	}
	if bins, long := y.number(`SELECT count(*) FROM proximity.queue_bin`), y.number(`SELECT count(*) FROM stream.log WHERE type = 'proximity.queue_long'`); bins != 6 || long != 1 {
		t.Errorf("%d minutes were estimated, %d facts", bins, long)
	}
	y.barOffer()
	y.stay(phone(0), "stage-1", y.clock.Now().Add(time.Minute), 20*time.Second)
	if n := y.number(`SELECT count(*) FROM proximity.voucher`); n != 0 {
		t.Error("somebody was sent to a long queue")
	}
}

// A short queue is offered to people elsewhere at the venue, not to those who stand in it.
func TestShortQueueIsOffered(t *testing.T) {
	y := newYard(t)
	y.agree(8)
	y.event.Attendance = 8 // everybody carries the app
	_, _, err := y.PutEvent(t.Context(), y.event)
	y.must(err)
	y.barOffer(func(o *Offer) { o.Trigger = Trigger{} })
	for i := 4; i < 8; i++ {
		y.stay(phone(i), "stage-1", noon.Add(3*time.Minute), 50*time.Second)
	}
	y.clock.Advance(noon.Sub(y.clock.Now()))
	y.crowdAtBar(4, 5)
	if n := y.number(`SELECT count(*) FROM proximity.voucher WHERE installation IN ('phone-4', 'phone-5', 'phone-6', 'phone-7')`); n != 4 {
		t.Errorf("%d of four people elsewhere got the offer", n)
	}
	if n := y.number(`SELECT count(*) FROM proximity.voucher WHERE installation NOT IN ('phone-4', 'phone-5', 'phone-6', 'phone-7')`); n != 0 {
		t.Errorf("%d people who wait at the bar were asked to come", n)
	}
}

// A bin is published once; what fewer than ten people touched is not in it.
func TestPicturesArePublishedOnce(t *testing.T) {
	y := newYard(t)
	y.agree(20)
	y.crowdAtBar(12, 5)
	for i := 12; i < 20; i++ {
		y.stay(phone(i), "gate-1", noon.Add(time.Minute), time.Minute)
	}
	y.clock.Advance(3 * time.Minute)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := y.Publish(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	shown, err := y.Heat(t.Context(), y.event.ID, noon, noon.Add(5*time.Minute))
	if err != nil || len(shown) != 1 {
		t.Fatal(len(shown), err)
	}
	for _, z := range shown[0].Zones {
		if z.Zone == "Entrance" && z.Figure != nil {
			t.Errorf("eight people at the entrance are shown: %+v", z)
		}
	}
	y.must(y.in(func(tx *db.Tx) error {
		_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM proximity.presence`)
		return err
	}))
	y.must(y.Publish(t.Context()))
	if again, err := y.Heat(t.Context(), y.event.ID, noon, noon.Add(5*time.Minute)); err != nil || again[0].Total == nil || *again[0].Total != *shown[0].Total {
		t.Errorf("made again: %+v %v", again[0].Total, err)
	}
}

// Another shop's carts are told of under its own name of the event, prices under the
// event's id: both are heard, whichever of the two the event here is called by.
func TestPricesAndCartsOfAnotherShopsEvent(t *testing.T) {
	const shops, ours = "gig-9", "0199c0de-0000-7000-8000-000000000001"
	for _, name := range []string{shops, ours} {
		y := newYard(t)
		event, err := id.Parse(ours)
		y.must(err)
		y.shop[shops] = event
		y.agree(1)
		_, err = y.PutConsent(t.Context(), Consent{Installation: phone(0), App: "festival", Notice: "2027", Customer: "cora"})
		y.must(err)
		y.event.Name = name
		_, _, err = y.PutEvent(t.Context(), y.event)
		y.must(err)
		y.must(y.DeleteEvent(t.Context(), "summer"))
		for _, on := range []string{OnPriceChanged, OnCartAbandoned} {
			y.barOffer(func(o *Offer) { o.Event, o.Name, o.Trigger, o.Quiet.GapMinutes = name, on, Trigger{On: on}, -1 })
		}
		y.stay(phone(0), "stage-1", noon, 20*time.Second)
		fell := stream.Fact{Type: "pricing.price_changed", Time: y.clock.Now(), Data: []byte(`{"event":"` + ours + `","old_minor":4500,"new_minor":4000}`)}
		y.must(y.in(func(tx *db.Tx) error { return y.priceFell(t.Context(), tx, []stream.Fact{fell}) }))
		if n := y.number(`SELECT count(*) FROM proximity.voucher`); n != 1 {
			t.Errorf("an event called %s: %d vouchers after its price fell", name, n)
		}
		cart := stream.Fact{Type: "analytics.cart_abandoned", Time: y.clock.Now(), Data: []byte(`{"shop":"/shop","cart":"c","event":"` + shops + `","customer":"cora"}`)}
		y.must(y.in(func(tx *db.Tx) error { return y.cartLeft(t.Context(), tx, []stream.Fact{cart}) }))
		if n := y.number(`SELECT count(*) FROM proximity.voucher v JOIN proximity.offer o ON o.id = v.offer WHERE o.trigger = 'cart_abandoned'`); n != 1 {
			t.Errorf("an event called %s: %d vouchers after a cart was left", name, n)
		}
	}
}

// An offer on falling prices goes to those who are here, once a price has fallen, and not when
// it has risen; one on carts to the customer who left one behind.
func TestPricesAndCarts(t *testing.T) {
	y := newYard(t)
	y.agree(2)
	y.event.Name = "0199c0de-0000-7000-8000-000000000001"
	_, _, err := y.PutEvent(t.Context(), y.event)
	y.must(err)
	_, err = y.PutConsent(t.Context(), Consent{Installation: phone(1), App: "festival", Notice: "2027", Customer: "cora"})
	y.must(err)
	y.must(y.DeleteEvent(t.Context(), "summer"))
	for _, on := range []string{OnPriceChanged, OnCartAbandoned} {
		y.barOffer(func(o *Offer) {
			o.Event, o.Name, o.Trigger, o.Quiet.GapMinutes = y.event.Name, on, Trigger{On: on}, -1
		})
	}
	for i := range 2 {
		y.stay(phone(i), "stage-1", noon, 20*time.Second)
	}
	vouchers := func() int { return y.number(`SELECT count(*) FROM proximity.voucher`) }
	price := func(was, is string) stream.Fact {
		return stream.Fact{Type: "pricing.price_changed", Time: y.clock.Now(), Data: []byte(`{"event":"` + y.event.Name + `","old_minor":` + was + `,"new_minor":` + is + `}`)}
	}
	y.must(y.in(func(tx *db.Tx) error { return y.priceFell(t.Context(), tx, []stream.Fact{price("4000", "4500")}) }))
	if n := vouchers(); n != 0 {
		t.Errorf("%d vouchers after a rise", n)
	}
	y.must(y.in(func(tx *db.Tx) error { return y.priceFell(t.Context(), tx, []stream.Fact{price("4500", "4000")}) }))
	if n := vouchers(); n != 2 {
		t.Errorf("%d vouchers after a fall, two people are here", n)
	}
	cart := stream.Fact{Type: "analytics.cart_abandoned", Time: y.clock.Now(), Data: []byte(`{"shop":"/shop","cart":"c","event":"` + y.event.Name + `","customer":"cora"}`)}
	y.must(y.in(func(tx *db.Tx) error { return y.cartLeft(t.Context(), tx, []stream.Fact{cart}) }))
	if n := y.number(`SELECT count(*) FROM proximity.voucher v JOIN proximity.offer o ON o.id = v.offer WHERE o.trigger = 'cart_abandoned' AND installation = 'phone-1'`); n != 1 || vouchers() != 3 {
		t.Errorf("%d for the customer, %d in all", n, vouchers())
	}
	anna := web.WithCaller(t.Context(), web.Caller{Person: "0199c0de-0000-7000-8000-00000000000a"})
	_, err = y.PutConsent(anna, Consent{Installation: phone(0), App: "festival", Notice: "2027"})
	y.must(err)
	own := stream.Fact{Type: "sales.carts_abandoned", Time: y.clock.Now(), Data: []byte(`{"event":"` + y.event.Name + `","count":2,"carts":[{"cart":"0199c0de-0000-7000-8000-000000000002","lines":[],"person":"0199c0de-0000-7000-8000-00000000000a"},{"cart":"0199c0de-0000-7000-8000-000000000003","lines":[]}]}`)}
	y.must(y.in(func(tx *db.Tx) error { return y.cartLeft(t.Context(), tx, []stream.Fact{own}) }))
	if n := y.number(`SELECT count(*) FROM proximity.voucher v JOIN proximity.offer o ON o.id = v.offer WHERE o.trigger = 'cart_abandoned' AND installation = 'phone-0'`); n != 1 || vouchers() != 4 {
		t.Errorf("%d for who left a cart in our own shop, %d in all", n, vouchers())
	}
}
