package sales

import (
	"maps"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// concert makes a published event with these categories and makes it the house's.
func (h *house) concert(categories ...Category) Event {
	h.t.Helper()
	e := h.draft(func(*Event) {})
	for _, c := range categories {
		h.add(e, c)
	}
	return h.publish(e)
}

// draft makes an event that is not published yet.
func (h *house) draft(shape func(e *Event)) Event {
	h.t.Helper()
	now := h.db.Now()
	e := Event{Slug: "concert-" + id.New().String(), Names: named("Concert"), Locales: []string{"en", "de"}, Zone: "Europe/Berlin", Currency: "EUR", StartsAt: now.Add(30 * 24 * time.Hour)}
	shape(&e)
	h.in(func(tx *db.Tx) (err error) { e, err = h.CreateEvent(tx, e); return err })
	h.event = e.ID
	return e
}

func (h *house) publish(e Event) Event {
	h.t.Helper()
	e, err := h.SetState(h.t.Context(), e.ID, EventPublished, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// add adds a category; what it does not say is simple.
func (h *house) add(e Event, c Category) Category {
	h.t.Helper()
	c.Event = e.ID
	if c.Names == nil {
		c.Names = named("Standing")
	}
	h.in(func(tx *db.Tx) (err error) { c, err = h.AddCategory(tx, c, "test", nil); return err })
	h.shelves.forget(e.ID)
	return c
}

func (h *house) code(c Code) Code {
	h.t.Helper()
	c.Event = h.event
	h.in(func(tx *db.Tx) (err error) { c, err = h.AddCode(tx, c); return err })
	h.shelves.forget(h.event)
	return c
}

func (h *house) in(do func(tx *db.Tx) error) {
	h.t.Helper()
	if err := h.db.InTx(h.t.Context(), do); err != nil {
		h.t.Fatal(err)
	}
}

func named(title string) map[string]Text {
	return maps.Clone(map[string]Text{"en": {Title: title}})
}

// buy prices and sells.
func (h *house) buy(e Event, codes []string, wanted ...Wanted) (Order, error) {
	lines, err := h.price(h.t.Context(), e.ID, wanted, codes)
	if err != nil {
		return Order{}, err
	}
	o, _, err := h.Order(h.t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: e.Currency, Caller: "test"})
	return o, err
}

// auditCatalogue checks that pools, levels and seats agree with the tickets and holds
// of the categories that take from them.
func (h *house) auditCatalogue() {
	h.t.Helper()
	for what, sql := range map[string]string{
		"categories": `SELECT count(*) FROM sales.category c JOIN sales.stock s ON s.id = c.id
			WHERE s.sold <> (SELECT count(*) FROM sales.ticket t WHERE t.category = c.id AND t.voided_at IS NULL)
			OR s.held <> (SELECT coalesce(sum(qty), 0) FROM sales.hold k WHERE k.category = c.id)`,
		"pools": `SELECT count(*) FROM sales.pool p JOIN sales.stock s ON s.id = p.id
			WHERE (s.sold, s.held) <> ALL (SELECT coalesce(sum(k.sold), 0), coalesce(sum(k.held), 0)
				FROM sales.category c JOIN sales.stock k ON k.id = c.id WHERE c.pool = p.id)`,
		"levels": `SELECT count(*) FROM sales.pool_level l JOIN sales.stock s ON s.id = l.id
			WHERE (s.sold, s.held) <> ALL (SELECT coalesce(sum(k.sold), 0), coalesce(sum(k.held), 0)
				FROM sales.category c JOIN sales.stock k ON k.id = c.id WHERE c.pool = l.pool AND c.class >= l.class)`,
		"seats": `SELECT count(*) FROM sales.seat p JOIN sales.stock s ON s.id = p.id
			WHERE s.sold <> (SELECT count(*) FROM sales.ticket t WHERE t.seat = p.id AND t.voided_at IS NULL)
			OR s.held <> (SELECT count(*) FROM sales.hold k WHERE p.id = ANY(k.seats))`,
	} {
		if wrong := h.number(sql); wrong > 0 {
			h.t.Errorf("the stock of %d %s does not agree with tickets and holds", wrong, what)
		}
	}
}

// rests takes an event off sale for long enough that no order is on its way.
func (h *house) rests(e Event) Event {
	h.t.Helper()
	e, err := h.SetState(h.t.Context(), e.ID, EventPaused, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.exec(`UPDATE sales.event SET resting_since = resting_since - interval '2 minutes' WHERE id = $1`, e.ID)
	return e
}
