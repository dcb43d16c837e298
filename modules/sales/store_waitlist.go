package sales

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// TableName is for GORM.
func (Waiting) TableName() string { return "sales.waitlist" }

var waitingColumns = []string{"id", "event", "category", "qty", "email", "person", "locale", "state", "offered_qty", "offer_until", "created_at", "no"}

func noWaiting(err error) *fault.Error {
	return fault.E("sales.Waitlist", fault.NotFound, "nobody of this id waits", err)
}

// categoriesWaitedFor are those of an event that somebody waits for.
func (s *Service) categoriesWaitedFor(ctx context.Context, event id.ID) (map[id.ID]bool, error) {
	var names []id.ID
	err := s.db.ORM(ctx).Model(&Waiting{}).Distinct().Where("event = ? AND state = 'waiting'", event).Pluck("category", &names).Error
	out := make(map[id.ID]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out, db.Classify("sales.categoriesWaitedFor", err)
}

func (s *Service) eventsWaitedFor(ctx context.Context) ([]id.ID, error) {
	var names []id.ID
	err := s.db.ORM(ctx).Model(&Waiting{}).Distinct().Where("state = 'waiting'").Order("event").Pluck("event", &names).Error
	return names, db.Classify("sales.eventsWaitedFor", err)
}

func (s *Service) countWaiting(ctx context.Context, event id.ID) (int, error) {
	var n int64
	err := s.db.ORM(ctx).Model(&Waiting{}).Where("event = ? AND state IN ('waiting', 'offered')", event).Count(&n).Error
	return int(n), db.Classify("sales.Waitlist", err)
}

func waitingBefore(tx *db.Tx, category id.ID) (int, error) {
	var n int64
	err := tx.ORM().Model(&Waiting{}).Where("category = ? AND state = 'waiting'", category).Count(&n).Error
	return int(n), db.Classify("sales.JoinWaitlist", err)
}

// insertWaiting adds somebody to the line unless his address stands in it.
func insertWaiting(tx *db.Tx, w Waiting) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.waitlist (id, event, category, qty, email, person, locale, state, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (category, lower(email)) WHERE state IN ('waiting', 'offered') DO NOTHING`,
		w.ID, w.Event, w.Category, w.Qty, w.Email, w.Person, w.Locale, w.State, w.CreatedAt)
	return db.Classify("sales.JoinWaitlist", err)
}

// waitingBeforePerson counts who waits before the entry that a person, signed in, made with
// an address; all who wait when he made none.
func waitingBeforePerson(tx *db.Tx, w Waiting) (ahead int, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*) FROM sales.waitlist WHERE category = $1 AND state = 'waiting' AND no < coalesce((SELECT no
		FROM sales.waitlist WHERE category = $1 AND lower(email) = lower($2) AND state IN ('waiting', 'offered') AND person = $3), $4)`,
		w.Category, w.Email, w.Person, int64(math.MaxInt64)).Scan(&ahead)
	return ahead, db.Classify("sales.JoinWaitlist", err)
}

func (s *Service) firstWaiting(ctx context.Context, category id.ID, limit int) ([]Waiting, error) {
	var rows []Waiting
	err := s.db.ORM(ctx).Select(waitingColumns).Where("category = ? AND state = 'waiting'", category).Order("no").Limit(limit).Find(&rows).Error
	return rows, db.Classify("sales.firstWaiting", err)
}

func (s *Service) findWaiting(ctx context.Context, entry id.ID) (Waiting, error) {
	var row Waiting
	err := db.Classify("sales.Waitlist", s.db.ORM(ctx).Select(waitingColumns).Where("id = ?", entry).Take(&row).Error)
	if fault.Is(err, fault.NotFound) {
		return Waiting{}, noWaiting(err)
	}
	return row.utc(), err
}

// isOffer reports whether a cart is what a waiting list has offered somebody.
func (s *Service) isOffer(ctx context.Context, cart id.ID) (bool, error) {
	_, err := s.findWaiting(ctx, cart)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func (w Waiting) utc() Waiting {
	w.CreatedAt, w.OfferUntil = w.CreatedAt.UTC(), utcOrNil(w.OfferUntil)
	return w
}

// Waitlist lists who waits for an event, in order, from after a number; those whose
// turn is over too when all is set.
func (s *Service) Waitlist(ctx context.Context, event id.ID, all bool, after int64, limit int) ([]Waiting, error) {
	q := s.db.ORM(ctx).Select(waitingColumns).Where("event = ? AND no > ?", event, after)
	if !all {
		q = q.Where("state IN ('waiting', 'offered')")
	}
	var rows []Waiting
	err := q.Order("no").Limit(limit).Find(&rows).Error
	for i := range rows {
		rows[i] = rows[i].utc()
	}
	return rows, db.Classify("sales.Waitlist", err)
}

// heldLines are what a cart holds now, and until when at that price; none when its hold
// has ended. A payment may make the hold last for longer.
func (s *Service) heldLines(ctx context.Context, cart id.ID) (lines []Line, promised time.Time, err error) {
	const op = "sales.heldLines"
	rows, err := s.db.Pool().Query(ctx, `SELECT category, qty, unit_minor, seats, also, also_qty, coalesce(promised_until, expires_at) FROM sales.hold
		WHERE cart = $1 AND expires_at > now() ORDER BY category`, cart)
	if err != nil {
		return nil, promised, db.Classify(op, err)
	}
	lines, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Line, error) { return readLine(row, &promised) })
	return lines, promised.UTC(), db.Classify(op, err)
}

// markOffered reports whether this call was the one that made the offer.
func markOffered(tx *db.Tx, entry id.ID, qty int, until time.Time) (bool, error) {
	done := tx.ORM().Model(&Waiting{}).Where("id = ? AND state = 'waiting'", entry).
		Updates(map[string]any{"state": waitOffered, "offered_qty": qty, "offer_until": until})
	return done.RowsAffected == 1, db.Classify("sales.offer", done.Error)
}

func (s *Service) endWaiting(ctx context.Context, entry id.ID, state string) error {
	err := s.db.ORM(ctx).Model(&Waiting{}).Where("id = ? AND state IN ('waiting', 'offered')", entry).Update("state", state).Error
	return db.Classify("sales.Waitlist", err)
}

func (s *Service) offersWithoutHold(ctx context.Context, limit int) ([]id.ID, error) {
	var names []id.ID
	err := s.db.ORM(ctx).Model(&Waiting{}).Where("state = 'offered' AND NOT EXISTS (SELECT FROM sales.hold h WHERE h.cart = waitlist.id)").
		Order("no").Limit(limit).Pluck("id", &names).Error
	return names, db.Classify("sales.settleOffers", err)
}

// settle ends offers; keys are those of the orders that their carts would have become.
func (s *Service) settle(ctx context.Context, entries []id.ID, keys [][]byte) error {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.String()
	}
	_, err := s.db.Pool().Exec(ctx, `UPDATE sales.waitlist w
		SET state = CASE WHEN EXISTS (SELECT FROM sales.orders o WHERE o.repeat_key = gone.key) THEN 'bought' ELSE 'expired' END
		FROM unnest($1::uuid[], $2::bytea[]) AS gone (id, key) WHERE w.id = gone.id AND w.state = 'offered'`, names, keys)
	return db.Classify("sales.settleOffers", err)
}
