package proximity

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
)

// rewardAtOnce bounds one statement of rewarding.
const rewardAtOnce = 5000

// reward writes down what became of choices whose time is over: 1 when the person redeemed,
// or came into the zone where people wait for the stall of the offer that was chosen (of any of
// them, when none was); else 0. Both groups are measured alike.
func (s *Service) reward(ctx context.Context) error {
	const op = "proximity.reward"
	for {
		done, err := s.db.Pool().Exec(ctx, `WITH due AS MATERIALIZED (
			SELECT id FROM proximity.decision WHERE due_at <= $1 AND reward IS NULL ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
		UPDATE proximity.decision d SET reward = CASE WHEN
			EXISTS (SELECT FROM proximity.voucher v WHERE v.id = d.voucher AND v.status = 'redeemed')
			OR EXISTS (SELECT FROM proximity.offer o JOIN proximity.event e ON e.id = o.event JOIN proximity.stall t ON t.venue = e.venue AND t.name = o.rule ->> 'stall'
				JOIN proximity.visit v ON v.event = d.event AND v.ref = d.ref AND v.zone = t.zone
				WHERE o.id = ANY (CASE WHEN d.chosen IS NULL THEN d.offers ELSE ARRAY[d.chosen] END) AND v.entered_at > d.at AND v.entered_at <= d.due_at)
			THEN 1 ELSE 0 END FROM due WHERE d.id = due.id`, s.db.Now(), rewardAtOnce)
		if err != nil {
			return db.Classify(op, err)
		}
		if done.RowsAffected() < rewardAtOnce {
			return nil
		}
	}
}
