package analytics

import (
	"context"
	"reflect"
	"time"
)

// Live is what changed about a query within a second.
type Live struct {
	Provisional []Output `json:"provisional"` // all open windows, the newest first; each replaces one with a lower revision
	Final       []Output `json:"final"`       // since the last time, the oldest first
}

const (
	liveEvery  = time.Second
	liveFinals = 1000 // told at once

	liveOverlap = 5 * time.Second // finals of these are told at the beginning: a page was drawn before it listens
)

// follow tells a query's provisional outputs and new finals, at once and then
// every second in which they changed, until ctx ends or tell fails.
func (s *Service) follow(ctx context.Context, q Query, tell func(Live) error) error {
	look := time.NewTicker(liveEvery)
	defer look.Stop()
	seen := s.db.Now().Add(-liveOverlap)
	var last *Live
	for {
		var l Live
		var err error
		if l.Provisional, err = s.Provisional(ctx, q, liveOutputs); err != nil {
			return err
		}
		if l.Final, err = s.finalsSince(ctx, q, seen, liveFinals); err != nil {
			return err
		}
		for _, o := range l.Final {
			if o.FinalAt.After(seen) {
				seen = *o.FinalAt
			}
		}
		if last == nil || len(l.Final) > 0 || !reflect.DeepEqual(last.Provisional, l.Provisional) {
			if err := tell(l); err != nil {
				return err
			}
			last = &l
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}
