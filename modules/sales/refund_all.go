package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/queue"
)

const jobRefundAll = "sales:refund_all" // of a cancelled event

// refundAllBatch is how many orders a job refunds before the next one goes on.
const refundAllBatch = 200

// refundingAll is a job's share: the orders of an event after one.
type refundingAll struct {
	Event  id.ID  `json:"event"`
	After  id.ID  `json:"after"`
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
	Round  int    `json:"round"`  // how often it went through all of them before
	Missed bool   `json:"missed"` // one so far, in this round
}

// Orders whose payment is being settled are refunded in a later round.
const (
	refundAllRounds = 10
	refundAllRest   = time.Minute
)

func (r refundingAll) job() db.Job {
	return db.Job{Name: jobRefundAll, Queue: laneSales, Payload: r, Timeout: 10 * time.Minute, Retries: 10}
}

func (s *Service) refundAllJobs(q *queue.Queue) { queue.On(q, jobRefundAll, s.refundSome) }

// Outstanding is what a cancelled event's buyers still have.
type Outstanding struct {
	Orders      int    `json:"orders"` // with tickets that are not void
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// RefundAll begins to refund every order of a cancelled event, as RefundOrder does, and
// says what goes back. Asking again begins nothing twice: an order is refunded once.
// Errors: fault.NotFound, fault.Conflict unless the event is cancelled.
func (s *Service) RefundAll(tx *db.Tx, event id.ID, actor string) (Outstanding, error) {
	const op = "sales.RefundAll"
	e, err := s.eventWithin(tx, event)
	if err != nil {
		return Outstanding{}, err
	}
	if e.State != EventCancelled {
		return Outstanding{}, fault.E(op, fault.Conflict, "the event is "+e.State, nil).WithFix("cancel it first, or refund single orders")
	}
	out, err := s.outstanding(tx.Ctx(), &e)
	if err != nil || out.Orders == 0 {
		return out, err
	}
	return out, tx.Enqueue(refundingAll{Event: event, Actor: actor, Reason: reasonCancelled}.job())
}

// refundSome refunds the next orders and has the others follow. One that cannot be
// refunded now, because its payment is being settled, has its turn in the next round.
func (s *Service) refundSome(ctx context.Context, r refundingAll) error {
	orders, err := s.openOrders(ctx, r.Event, r.After, refundAllBatch)
	if err != nil {
		return err
	}
	for _, order := range orders {
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			_, err := s.RefundOrder(tx, order, Refunding{Reason: r.Reason, Actor: r.Actor})
			return err
		})
		switch {
		case fault.Is(err, fault.Conflict):
			r.Missed = true
			s.log.Warn("an order of a cancelled event was not refunded", "order", order, "round", r.Round, "error", err)
		case err != nil:
			return err
		}
		r.After = order
	}
	next := r.job()
	switch {
	case len(orders) == refundAllBatch:
	case r.Missed && r.Round+1 < refundAllRounds:
		next = refundingAll{Event: r.Event, Actor: r.Actor, Reason: r.Reason, Round: r.Round + 1}.job()
		next.RunAt = s.db.Now().Add(refundAllRest)
	default:
		return nil
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return tx.Enqueue(next) })
}
