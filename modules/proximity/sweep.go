package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// sweepLag is how much later than due an exit is noticed: readings that are on their way
// come first.
const sweepLag = 5 * time.Second

// sweepAtOnce bounds one transaction of a sweep.
const sweepAtOnce = 500

// Sweep lets time pass for phones that are silent: exits that are due happen. It returns
// how many phones it looked at.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	for total := 0; ; {
		n := 0
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			before := tx.Now().Add(-sweepLag)
			scenes, err := s.scenes(ctx, tx.Conn(), tx.Now())
			if err != nil || len(scenes) == 0 {
				return err
			}
			w := newWatch(s, tx)
			if w.devices, err = s.dueDevices(tx, scenes, before, sweepAtOnce); err != nil {
				return err
			}
			n = len(w.devices)
			for _, d := range inOrder(w.devices) {
				until := before
				if d.dueAt != nil && d.dueAt.Before(until) {
					until = *d.dueAt
				}
				w.spend(d, until)
				w.note(d, d.state.Tick(before))
			}
			return w.finish()
		})
		total += n
		if err != nil || n < sweepAtOnce {
			return total, err
		}
	}
}

// Retain ends what has had its time: an event's readings, phones and key some time after its
// end; visits, grid seconds and completions when they are old.
func (s *Service) Retain(ctx context.Context) error {
	now := s.db.Now()
	over, err := events(ctx, s.db.Pool(), `ends_at <= $1 AND ref_key IS NOT NULL ORDER BY id`, now.Add(-s.cfg.Forget))
	if err != nil {
		return err
	}
	for _, e := range over {
		if err := s.db.InTx(ctx, func(tx *db.Tx) error { return forgetEvent(tx, e.ID) }); err != nil {
			return err
		}
		s.dropKey(e.ID)
		s.log.Info("an event's pseudonyms were destroyed", "event", e.Name)
	}
	if err := s.dropOld(ctx, now); err != nil {
		return err
	}
	first, err := s.firstNeeded(ctx, now)
	if err != nil {
		return err
	}
	_, err = s.raw.Erase(ctx, readings, "", "", first)
	return err
}
