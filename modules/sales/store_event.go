package sales

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// eventRow is a row of sales.event.
type eventRow struct {
	ID           id.ID `gorm:"primaryKey"`
	Slug         string
	Series       string
	Names        map[string]Text `gorm:"serializer:json"`
	Locales      []string        `gorm:"serializer:json"`
	Venue        string
	Zone         string
	Currency     string
	State        string
	Secret       bool
	Sandbox      bool
	WaitingFirst bool
	Shop         string
	StartsAt     time.Time
	EndsAt       *time.Time
	DoorsAt      *time.Time
	SaleFrom     *time.Time
	SaleUntil    *time.Time
	Version      int64
	CreatedAt    time.Time
}

func (eventRow) TableName() string { return "sales.event" }

var eventColumns = []string{"id", "slug", "series", "names", "locales", "venue", "zone", "currency", "state", "secret", "sandbox", "waiting_first", "shop",
	"starts_at", "ends_at", "doors_at", "sale_from", "sale_until", "version", "created_at"}

func rowOfEvent(e Event) eventRow {
	if e.Names == nil {
		e.Names = map[string]Text{}
	}
	return eventRow{e.ID, e.Slug, e.Series, e.Names, e.Locales, e.Venue, e.Zone, e.Currency, e.State, e.Secret, e.Sandbox, e.WaitingFirst, e.Shop,
		e.StartsAt, e.EndsAt, e.DoorsAt, e.SaleFrom, e.SaleUntil, e.Version, e.CreatedAt}
}

func (r eventRow) event() Event {
	return Event{ID: r.ID, Slug: r.Slug, Series: r.Series, Names: r.Names, Locales: r.Locales, Venue: r.Venue, Zone: r.Zone, Currency: r.Currency,
		State: r.State, Secret: r.Secret, Sandbox: r.Sandbox, WaitingFirst: r.WaitingFirst, Shop: r.Shop, StartsAt: r.StartsAt.UTC(), EndsAt: utcOrNil(r.EndsAt),
		DoorsAt: utcOrNil(r.DoorsAt), SaleFrom: utcOrNil(r.SaleFrom), SaleUntil: utcOrNil(r.SaleUntil), Version: r.Version, CreatedAt: r.CreatedAt.UTC()}
}

func utcOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func noEvent(err error) *fault.Error {
	return fault.E("sales.Event", fault.NotFound, "there is no such event", err).WithFix("GET /v1/catalogue/events lists them")
}

func slugTaken(err error, slug string) error {
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	f := fault.E("sales.Event", fault.Conflict, "another event has the slug "+slug, err).WithFix("choose another slug")
	f.Fields = []fault.Field{{Name: "slug", Problem: "is taken by another event", Fix: "choose another"}}
	return f
}

// shopFree refuses a shop's name that another event has.
func shopFree(tx *db.Tx, e *Event) error {
	if e.Shop == "" {
		return nil
	}
	var n int64
	err := tx.ORM().Model(&eventRow{}).Where("shop = ? AND id <> ?", e.Shop, e.ID).Count(&n).Error
	if n > 0 {
		return fault.BadField("sales.Event", "shop", "is what the shop calls another event", "each of its events once")
	}
	return db.Classify("sales.Event", err)
}

func (s *Service) insertEvent(tx *db.Tx, e Event) error {
	if err := shopFree(tx, &e); err != nil {
		return err
	}
	row := rowOfEvent(e)
	return slugTaken(db.Classify("sales.CreateEvent", tx.ORM().Select(eventColumns).Create(&row).Error), e.Slug)
}

func (s *Service) updateEvent(tx *db.Tx, e Event) error {
	if err := shopFree(tx, &e); err != nil {
		return err
	}
	row := rowOfEvent(e)
	kept := slices.DeleteFunc(slices.Clone(eventColumns), func(c string) bool { return c == "id" || c == "created_at" })
	err := tx.ORM().Model(&eventRow{}).Where("id = ?", e.ID).Select(kept).Updates(&row).Error
	return slugTaken(db.Classify("sales.ChangeEvent", err), e.Slug)
}

// lockEvent reads an event with all its definition, and keeps others from changing
// any of it until the transaction ends. Selling goes on.
func (s *Service) lockEvent(tx *db.Tx, event id.ID) (Event, error) {
	return oneEvent(tx.ORM(), tx.ORM().Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", event))
}

// eventWithin reads an event as this transaction sees it.
func (s *Service) eventWithin(tx *db.Tx, event id.ID) (Event, error) {
	return oneEvent(tx.ORM(), tx.ORM().Where("id = ?", event))
}

func oneEvent(q, where *gorm.DB) (Event, error) {
	var row eventRow
	if err := db.Classify("sales.Event", where.Select(eventColumns).Take(&row).Error); err != nil {
		if fault.Is(err, fault.NotFound) {
			return Event{}, noEvent(err)
		}
		return Event{}, err
	}
	events := []Event{row.event()}
	err := fillEvents(q, events)
	return events[0], err
}

// EventQuery says which events are wanted, in the order of their start.
type EventQuery struct {
	States []string   // none: every state
	Series string     // "": of any and of none
	Open   bool       // without those only their link leads to, or that are sold elsewhere
	From   *time.Time // starting at this moment or later
	Until  *time.Time // starting before
	Going  *time.Time // not over at this moment, as Event.Past has it
	Latest bool       // the latest first
	Cursor string     // as the page before told
	Limit  int        // 1 … 200
}

// eventPlace is where a page of events ended.
type eventPlace struct {
	At time.Time `json:"at"`
	ID id.ID     `json:"id"`
}

// Events lists events with their categories, and where the next page begins; "" at
// the end. Errors: fault.Invalid for a cursor that is none.
func (s *Service) Events(ctx context.Context, q EventQuery) ([]Event, string, error) {
	const op = "sales.Events"
	from, err := web.DecodeCursor[eventPlace](q.Cursor)
	if err != nil {
		return nil, "", err
	}
	find := s.db.ORM(ctx).Select(eventColumns).Limit(q.Limit + 1)
	find = narrow(find, q)
	order, after := "starts_at, id", "(starts_at, id) > (?, ?)"
	if q.Latest {
		order, after = "starts_at DESC, id DESC", "(starts_at, id) < (?, ?)"
	}
	if q.Cursor != "" {
		find = find.Where(after, from.At, from.ID)
	}
	var rows []eventRow
	if err := find.Order(order).Find(&rows).Error; err != nil {
		return nil, "", db.Classify(op, err)
	}
	next := ""
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = web.EncodeCursor(eventPlace{rows[q.Limit-1].StartsAt.UTC(), rows[q.Limit-1].ID})
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, next, fillEvents(s.db.ORM(ctx), events)
}

func narrow(find *gorm.DB, q EventQuery) *gorm.DB {
	if len(q.States) > 0 {
		find = find.Where("state IN ?", q.States)
	}
	if q.Series != "" {
		find = find.Where("series = ?", q.Series)
	}
	if q.Open {
		find = find.Where("NOT secret AND shop = ''")
	}
	if q.From != nil {
		find = find.Where("starts_at >= ?", *q.From)
	}
	if q.Going != nil { // the first bound is for the index
		find = find.Where("starts_at > ? AND coalesce(ends_at, starts_at + interval '24 hours') > ?", q.Going.Add(-longestEvent), *q.Going)
	}
	if q.Until != nil {
		find = find.Where("starts_at < ?", *q.Until)
	}
	return find
}

// Event finds one with its categories. Errors: fault.NotFound.
func (s *Service) Event(ctx context.Context, event id.ID) (Event, error) {
	return oneEvent(s.db.ORM(ctx), s.db.ORM(ctx).Where("id = ?", event))
}

// EventBySlug finds one by its name in the portal's address. Errors: fault.NotFound.
func (s *Service) EventBySlug(ctx context.Context, slug string) (Event, error) {
	if !slugForm.MatchString(slug) {
		return Event{}, noEvent(nil)
	}
	return oneEvent(s.db.ORM(ctx), s.db.ORM(ctx).Where("slug = ?", slug))
}

// takings is what an event's orders came to, refunds aside.
func (s *Service) takings(ctx context.Context, event id.ID) (minor int64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT (SELECT coalesce(sum(total_minor), 0) FROM sales.orders WHERE event = $1)::bigint
		+ (SELECT coalesce(sum(d.amount_minor), 0) FROM sales.external_day d JOIN sales.category c ON c.id = d.category WHERE c.event = $1)::bigint`, event).Scan(&minor)
	return minor, db.Classify("sales.takings", err)
}

func slugExists(tx *db.Tx, slug string) (bool, error) {
	var n int64
	err := tx.ORM().Model(&eventRow{}).Where("slug = ?", slug).Limit(1).Count(&n).Error
	return n > 0, db.Classify("sales.Import", err)
}

// hasOrders reports whether tickets of the event were ever sold here. The stock does not
// tell: it forgets what was given back.
func hasOrders(tx *db.Tx, event id.ID) (has bool, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT EXISTS (SELECT FROM sales.orders WHERE event = $1)`, event).Scan(&has)
	return has, db.Classify("sales.hasOrders", err)
}

// noteRest writes down that a locked event is no longer on sale.
func noteRest(tx *db.Tx, event id.ID) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE sales.event SET resting_since = $2 WHERE id = $1`, event, tx.Now())
	return db.Classify("sales.SetState", err)
}

// restingSince tells since when an event is not on sale, nil: always or long, and whether a
// payment is about to become an order. Payments that are open stay as they are until tx ends.
func restingSince(tx *db.Tx, event id.ID) (since *time.Time, paid bool, err error) {
	const op = "sales.ChangeEvent"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT state = 'paid' FROM sales.payment WHERE event = $1 AND state NOT IN ('settled', 'due', 'refunded') ORDER BY id FOR UPDATE`, event)
	if err != nil {
		return nil, false, db.Classify(op, err)
	}
	states, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return nil, false, db.Classify(op, err)
	}
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT resting_since FROM sales.event WHERE id = $1`, event).Scan(&since)
	return since, slices.Contains(states, true), db.Classify(op, err)
}

// deleteEvent removes an event with its stock; the rest follows by foreign key. One that
// has sold stays, for its orders and invoices name it. Errors: fault.Conflict.
func (s *Service) deleteEvent(tx *db.Tx, e Event) error {
	const op = "sales.DeleteEvent"
	if err := deleteStock(tx, op, tx.ORM().Where("event = ?", e.ID)); err != nil {
		return err
	}
	if err := e.untouched(tx, op, "tickets are sold or in carts: the event cannot be deleted", "cancel it instead"); err != nil { // after the stock: nobody sells any more
		return err
	}
	// Categories name pools: they go first.
	if err := tx.ORM().Exec("DELETE FROM sales.category WHERE event = ?", e.ID).Error; err != nil {
		return db.Classify(op, err)
	}
	return db.Classify(op, tx.ORM().Where("id = ?", e.ID).Delete(&eventRow{}).Error)
}
