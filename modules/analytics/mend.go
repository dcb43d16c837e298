package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// ReplayListener lets a listener handle again all facts received since, and tells
// how many there are, up to 100,000. Errors: fault.NotFound, fault.Conflict when the
// listener is not replayable, fault.Invalid when facts are not kept since then.
func (s *Service) ReplayListener(ctx context.Context, name string, since time.Time) (int, error) {
	n, err := s.stream.Since(ctx, name, since)
	if err != nil {
		return 0, err
	}
	if err := s.kept(ctx, since); err != nil {
		return 0, err
	}
	if err := s.stream.Replay(ctx, name, since); err != nil {
		return 0, err
	}
	s.log.InfoContext(ctx, "a listener handles facts again", "listener", name, "since", since, "facts", n, "by", web.Actor(ctx))
	return n, nil
}

// kept checks that the facts since then are in the log. Errors: fault.Invalid.
func (s *Service) kept(ctx context.Context, since time.Time) error {
	oldest, err := s.stream.Oldest(ctx)
	if err != nil {
		return err
	}
	if since.After(s.db.Now()) || since.Before(oldest.Truncate(time.Minute)) {
		return fault.BadField("analytics.ReplayListener", "from", "facts are kept from "+oldest.Format(time.RFC3339)+" to now", "a time in between")
	}
	return nil
}

// ReplayParked hands a parked fact to its listener again. Errors: fault.NotFound;
// fault.Conflict when the listener still fails, which is noted with the fact.
func (s *Service) ReplayParked(ctx context.Context, parked id.ID) error {
	failure := s.stream.ReplayParked(ctx, parked)
	if failure == nil {
		s.log.InfoContext(ctx, "a parked fact was handled", "parked", parked, "by", web.Actor(ctx))
		return nil
	}
	if _, err := s.stream.ParkedFact(ctx, parked); err != nil {
		return err // it is gone, or the database is
	}
	if fault.Is(failure, fault.Conflict) {
		return failure
	}
	return fault.E("analytics.ReplayParked", fault.Conflict, "the fact still cannot be handled and stays parked", failure).
		WithFix("read its error on the page Stream, mend the cause, and try again")
}

// ReplayAllParked is ReplayParked for all parked facts of a listener, at most
// 1,000 at once. Errors: fault.NotFound.
func (s *Service) ReplayAllParked(ctx context.Context, listener string) (stream.Replayed, error) {
	done, err := s.stream.ReplayAllParked(ctx, listener)
	if err == nil {
		s.log.InfoContext(ctx, "parked facts were tried again", "listener", listener, "handled", done.Done, "failed", done.Failed, "left", done.Left, "by", web.Actor(ctx))
	}
	return done, err
}

// DiscardParked gives a parked fact up for good. The log of the process keeps
// which one it was and who decided. Errors: fault.NotFound.
func (s *Service) DiscardParked(ctx context.Context, parked id.ID) error {
	p, err := s.stream.DiscardParked(ctx, parked)
	if err == nil {
		s.log.WarnContext(ctx, "a parked fact was discarded", "parked", parked, "listener", p.Listener, "type", p.Fact.Type,
			"source", p.Fact.Source, "source_id", p.Fact.SourceID, "by", web.Actor(ctx))
	}
	return err
}
