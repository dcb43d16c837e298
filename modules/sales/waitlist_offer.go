package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// ServeWaitlists notes which offers were taken or have ended, and offers what is
// free to those who wait longest. Safe to run twice, and at once.
func (s *Service) ServeWaitlists(ctx context.Context) error {
	if err := s.settleOffers(ctx); err != nil {
		return err
	}
	events, err := s.eventsWaitedFor(ctx)
	if err != nil {
		return err
	}
	for _, event := range events {
		if err := s.ServeWaitlist(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// ServeWaitlist offers what is free of one event's categories, in the order of
// their lines.
func (s *Service) ServeWaitlist(ctx context.Context, event id.ID) error {
	e, err := s.Event(ctx, event)
	if err != nil {
		return err
	}
	if e.onSale(s.db.Now()) != nil {
		return nil //nolint:nilerr // what is not on sale is not offered either
	}
	for i := range e.Categories {
		if e.Categories[i].open(s.db.Now()) {
			if err := s.serveLine(ctx, event, e.Categories[i].ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// serveLine makes offers until too little is free for the first of the line.
func (s *Service) serveLine(ctx context.Context, event, category id.ID) error {
	for {
		line, err := s.firstWaiting(ctx, category, 50)
		if err != nil || len(line) == 0 {
			return err
		}
		for _, w := range line {
			served, err := s.offer(ctx, event, w)
			if err != nil || !served {
				return err
			}
		}
	}
}

// offer holds tickets for somebody under his own id and then says so. When it is
// cut short in between, the next run finds the hold and only says so. Somebody who
// wants more than is free is offered what is free, so that the line goes on.
func (s *Service) offer(ctx context.Context, event id.ID, w Waiting) (served bool, err error) {
	lines, expires, err := s.heldLines(ctx, w.ID)
	if err != nil {
		return false, err
	}
	if len(lines) == 0 {
		if served, err = s.holdOffer(ctx, event, w); err != nil || !served {
			return false, err
		}
		if lines, expires, err = s.heldLines(ctx, w.ID); err != nil || len(lines) == 0 {
			return false, err
		}
	}
	told := false
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if told, err = markOffered(tx, w.ID, lines[0].Qty, expires); err != nil || !told {
			return err
		}
		return s.post(tx, letter{Kind: letterOffer, Event: event, Subject: w.ID})
	})
	if err == nil && !told { // another run has offered it, or he has left
		if now, found := s.findWaiting(ctx, w.ID); found == nil && now.State == waitLeft {
			_ = s.Release(ctx, w.ID, lines) // else it ends by itself
		}
	}
	return err == nil, err
}

// holdOffer holds as many tickets as are wanted and free. served is false when
// there are too few for any order.
func (s *Service) holdOffer(ctx context.Context, event id.ID, w Waiting) (served bool, err error) {
	s.shelves.forget(event) // what came back a moment ago counts
	e, err := s.snapshot(ctx, event)
	if err != nil {
		return false, err
	}
	c := e.Category(w.Category)
	if c == nil {
		return false, nil
	}
	qty := min(w.Qty, c.Free, c.MaxPerOrder)
	if qty < c.MinPerOrder {
		return false, nil
	}
	l := Line{Category: c.ID, Qty: qty, UnitMinor: c.unit(nil)}
	for _, stock := range e.shares(c) {
		l.Also = append(l.Also, Debit{stock, qty})
	}
	if c.Seated() {
		if l.Seats = e.suggest(c.ID, qty); l.Seats == nil {
			return false, nil
		}
	}
	p := Purchase{Event: event, Currency: e.Currency}
	a := p.ask(askHold, "hold", []Line{l})
	a.cart, a.fresh = w.ID, false
	if a.hold = min(s.cfg.Offer, e.SaleEnd().Sub(s.db.Now())); a.hold < time.Minute {
		return false, nil
	}
	_, err = s.till.ask(ctx, a)
	// Invalid: another run holds other tickets for the same person; they are as good.
	if fault.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil || fault.Is(err, fault.Invalid), ignoreInvalid(err)
}

func ignoreInvalid(err error) error {
	if fault.Is(err, fault.Invalid) {
		return nil
	}
	return err
}

// settleOffers notes the offers whose cart is gone: bought when there is its order,
// else expired.
func (s *Service) settleOffers(ctx context.Context) error {
	for {
		gone, err := s.offersWithoutHold(ctx, 500)
		if err != nil || len(gone) == 0 {
			return err
		}
		keys := make([][]byte, len(gone))
		for i, entry := range gone {
			key := NewRepeatKey("cart", entry.String())
			keys[i] = key[:]
		}
		if err := s.settle(ctx, gone, keys); err != nil {
			return err
		}
		if len(gone) < 500 {
			return nil
		}
	}
}
