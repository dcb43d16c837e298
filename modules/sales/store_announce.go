package sales

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// announce puts the round's orders and new carts into the stream: a fact an event and sort.
func announce(b *db.Batch, round []*ask) error {
	type sale struct {
		event    id.ID
		currency string
	}
	placed, opened := map[sale]*facts.OrdersPlaced{}, map[id.ID]*facts.CartsOpened{}
	var all []db.Fact // in the order in which the events came
	for _, a := range round {
		event := a.order.Event
		switch {
		case a.sells():
			of := sale{event, a.order.Currency}
			f := placed[of]
			if f == nil {
				f = &facts.OrdersPlaced{Event: event, Currency: of.currency, At: b.Now(), Orders: make([]id.ID, 0, len(round))}
				placed[of], all = f, append(all, f)
			}
			f.Count, f.Qty, f.Total = f.Count+1, f.Qty+a.order.Qty, f.Total+a.order.TotalMinor
			f.Lines, f.Orders = addLines(f.Lines, a.lines), append(f.Orders, a.order.ID)
		case a.kind == askHold:
			f := opened[event]
			if f == nil {
				f = &facts.CartsOpened{Event: event, At: b.Now(), Carts: make([]id.ID, 0, len(round))}
				opened[event], all = f, append(all, f)
			}
			f.Count++
			f.Lines, f.Carts = addLines(f.Lines, a.lines), append(f.Carts, a.cart)
		}
	}
	return emit(b, all)
}

// addLines adds tickets to those of the same category and price.
func addLines(sums []facts.SoldLine, lines []Line) []facts.SoldLine {
	for _, l := range lines {
		at := slices.IndexFunc(sums, func(s facts.SoldLine) bool { return s.Category == l.Category && s.UnitMinor == l.UnitMinor })
		if at < 0 {
			sums = append(sums, facts.SoldLine{Category: l.Category, Qty: l.Qty, UnitMinor: l.UnitMinor})
		} else {
			sums[at].Qty += l.Qty
		}
	}
	return sums
}

func soldLines(lines []Line) []facts.SoldLine {
	out := make([]facts.SoldLine, len(lines))
	for i, l := range lines {
		out[i] = facts.SoldLine{Category: l.Category, Qty: l.Qty, UnitMinor: l.UnitMinor}
	}
	return out
}

// announceAbandoned tells whose time was over; events says what each category belongs to.
func announceAbandoned(tx *db.Tx, ended []endedHold, events map[id.ID]id.ID) error {
	by, carts := map[id.ID]*facts.CartsAbandoned{}, map[id.ID]int{}
	var all []db.Fact
	for _, h := range ended {
		event := events[h.Category]
		f := by[event]
		if f == nil {
			f = &facts.CartsAbandoned{Event: event, At: tx.Now()}
			by[event], all = f, append(all, f)
		}
		at, known := carts[h.cart]
		if !known {
			at, carts[h.cart] = f.Count, f.Count
			f.Count, f.Carts = f.Count+1, append(f.Carts, facts.CartLines{Cart: h.cart})
		}
		f.Carts[at].Lines = append(f.Carts[at].Lines, soldLines([]Line{h.Line})...)
	}
	if err := nameBuyers(tx, by); err != nil {
		return err
	}
	return emit(tx, all)
}

// nameBuyers says who was signed in when they began to pay for a cart.
func nameBuyers(tx *db.Tx, by map[id.ID]*facts.CartsAbandoned) error {
	at := map[id.ID][]*facts.CartLines{}
	for _, f := range by {
		for i := range f.Carts {
			at[f.Carts[i].Cart] = append(at[f.Carts[i].Cart], &f.Carts[i])
		}
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT cart, person FROM sales.payment WHERE cart = ANY($1) AND person IS NOT NULL`, slices.Collect(maps.Keys(at)))
	if err != nil {
		return db.Classify("sales.announceAbandoned", err)
	}
	var cart, person id.ID
	_, err = pgx.ForEachRow(rows, []any{&cart, &person}, func() error {
		for _, lines := range at[cart] {
			lines.Person = person.String()
		}
		return nil
	})
	return db.Classify("sales.announceAbandoned", err)
}

// announceEnd tells of the categories whose last ticket this round sold.
func announceEnd(tx *db.Tx, round []*ask, left []remaining) error {
	for _, r := range left {
		if r.left > 0 || r.held > 0 || !sellsOf(round, r.stock) {
			continue
		}
		if err := tx.Emit(facts.CapacityReached{Event: r.event, Category: r.stock, At: tx.Now()}); err != nil {
			return err
		}
	}
	return nil
}

func sellsOf(round []*ask, category id.ID) bool {
	for _, a := range round {
		if a.sells() && slices.ContainsFunc(a.lines, func(l Line) bool { return l.Category == category }) {
			return true
		}
	}
	return false
}

func emit(to interface{ Emit(db.Fact) error }, all []db.Fact) error {
	for _, f := range all {
		if err := to.Emit(f); err != nil {
			return err
		}
	}
	return nil
}
