package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
)

const (
	finalsEvery = time.Second
	forgetEvery = time.Hour
)

// RunWindows makes outputs final, every second, and forgets old ones, until ctx
// ends. Any number of processes may run it: for each query one of them works.
func (s *Service) RunWindows(ctx context.Context) error {
	finals, forget := time.NewTicker(finalsEvery), time.NewTicker(forgetEvery)
	defer finals.Stop()
	defer forget.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-finals.C:
			if err := s.Finalise(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot make windows final; trying again", "error", err)
			}
		case <-forget.C:
			if err := s.ForgetOutputs(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot delete old outputs; trying again", "error", err)
			}
		}
	}
}

// Finalise stores the outputs of every window that ended before the watermark of
// each partition, once, and hands them to the consumers. A partition in which no
// fact waits is as far as the clock, less the query's lateness. A query whose
// consumer fails does not hold the others up; the last error is returned.
func (s *Service) Finalise(ctx context.Context) (failed error) {
	now := s.db.Now() // before Idle: what is committed later has a later arrival
	idle, err := s.stream.Idle(ctx, windowsListener)
	if err != nil {
		return err
	}
	due, err := s.due(ctx, idle, now)
	if err != nil {
		return err
	}
	for _, id := range due {
		for more := true; more && ctx.Err() == nil; {
			if more, err = s.finaliseSome(ctx, id, idle, now); err != nil {
				failed = err
				break
			}
		}
	}
	return failed
}

// due lists the queries that have a window to make final. It writes nothing, so a
// quiet house stays quiet.
func (s *Service) due(ctx context.Context, idle []int16, now time.Time) (ids []int64, err error) {
	all, err := s.standings(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := s.watermarks(ctx, all, idle, now)
	if err != nil {
		return nil, err
	}
	for _, q := range all {
		until, known := marks[q.id]
		if q.PausedAt != nil || !known || !q.mayEnd(until) {
			continue
		}
		waiting, err := s.hasParts(ctx, q, until)
		if err != nil {
			return nil, err
		}
		if waiting {
			ids = append(ids, q.id)
		}
	}
	return ids, nil
}

// mayEnd reports whether a window that is not final yet could end before until.
func (q standing) mayEnd(until time.Time) bool {
	if q.window.Kind == window.Session || q.window.Kind == window.Snapshot {
		return until.After(q.finalBefore)
	}
	_, end := q.window.Place(window.At(q.finalBefore))
	return end < window.At(until)
}

// finalParts is how many parts one transaction reads, about.
const finalParts = 5000

// finaliseSome makes windows of one query final, in one transaction; more asks to
// be called again.
func (s *Service) finaliseSome(ctx context.Context, id int64, idle []int16, now time.Time) (more bool, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		q, mine, err := s.lockFinals(tx, id)
		if err != nil || !mine {
			return err
		}
		until, err := advance(tx, q, idle, now)
		if err != nil || !until.After(q.finalBefore) {
			return err
		}
		if cut, err := cutAfter(tx, q, until, finalParts); err != nil {
			return err
		} else if cut.Before(until) {
			until, more = cut, true
		}
		outputs, ended, err := s.finals(tx, q, until)
		if err != nil {
			return err
		}
		stored, err := saveOutputs(tx, q, outputs)
		if err != nil {
			return err
		}
		if err := closeWindows(tx, q, until, ended); err != nil {
			return err
		}
		return s.consume(ctx, tx, stored)
	})
	return more && err == nil, err
}

// sessionsEnded is, by key, when the last part of its latest final session ended.
type sessionsEnded map[string]window.Micros

// finals computes the outputs of the windows that end before until.
func (s *Service) finals(tx *db.Tx, q standing, until time.Time) (outputs []Output, ended sessionsEnded, err error) {
	series, err := partsOf(tx.Ctx(), tx.Conn(), q, until)
	if err != nil {
		return nil, nil, err
	}
	ended = sessionsEnded{}
	for key, parts := range series {
		for _, r := range q.window.Results(parts, window.At(q.finalBefore), window.At(until)) {
			if q.window.Kind == window.Session {
				ended[key] = r.Last
			}
			o := q.output(key, r)
			if !o.Complete && q.replayedAt != nil {
				continue // it began before the replay, which keeps the final it had
			}
			final := tx.Now()
			o.FinalAt = &final
			outputs = append(outputs, o)
		}
	}
	slices.SortFunc(outputs, byEndAndKey)
	return outputs, ended, nil
}

func byEndAndKey(a, b Output) int {
	return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Key, b.Key), a.Start.Compare(b.Start))
}

// output is what is known about a window, for the world.
func (q standing) output(key string, r window.Result) Output {
	o := Output{Query: q.Name, Key: key, Start: r.Start.Time(), End: r.End.Time(), Revision: r.Facts}
	if v, ok := r.State.Result(); ok {
		o.Value = &v
	}
	o.Complete = !o.Start.Before(q.firstComplete(q.completeFrom))
	o.Replayed = q.replayedAt != nil && !o.End.After(*q.replayedAt)
	return o
}

// firstComplete is when the first window begins of which no fact is missing, when
// all facts since are there: a session would have gone on from an earlier one.
func (p *plan) firstComplete(since time.Time) time.Time {
	if p.window.Kind == window.Session {
		return since.Add(p.window.Gap)
	}
	return since
}

func (s *Service) consume(ctx context.Context, tx *db.Tx, finals []Output) error {
	if len(finals) == 0 {
		return nil
	}
	for _, consumer := range s.consumers {
		if err := consumer(ctx, tx, finals); err != nil {
			return err
		}
	}
	return nil
}

// Provisional computes what a query can say about its open windows, the newest
// first, at most limit. It includes windows that have ended and are not final.
func (s *Service) Provisional(ctx context.Context, q Query, limit int) ([]Output, error) {
	st, err := s.findQuery(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	until := st.window.Open(window.At(s.db.Now())) + 1
	series, err := partsOf(ctx, s.db.Pool(), st, until.Time())
	if err != nil {
		return nil, err
	}
	out := []Output{}
	for key, parts := range series {
		for _, r := range st.window.Results(parts, window.At(st.finalBefore), until) {
			out = append(out, st.output(key, r))
		}
	}
	slices.SortFunc(out, func(a, b Output) int { return cmp.Or(b.End.Compare(a.End), cmp.Compare(a.Key, b.Key)) })
	return out[:min(len(out), limit)], nil
}
