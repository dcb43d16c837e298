package hub

import (
	"context"
	"slices"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// registrationBulk is how many registrations one transaction of a bulk holds.
const registrationBulk = 5000

// BulkMode says which registrations of a bulk are taken.
type BulkMode string

// Modes of a bulk.
const (
	Upsert BulkMode = "upsert" // all
	Create BulkMode = "create" // those that are not there yet
	Update BulkMode = "update" // those that are there
)

// Bulk is what became of a bulk of registrations.
type Bulk struct {
	Created, Updated int
	Refused          []BulkFault // in the order of the rows
}

// BulkFault is why one was not taken.
type BulkFault struct {
	Index int // of the row
	Err   error
}

// PutRegistrations makes or replaces many registrations of one app, at most 5,000 in a
// transaction. What is not sound is refused and does not stop the rest; of two with
// one id the later one stays. It is safe to repeat. Each row gets its UpdatedAt and Version.
// Errors: fault.NotFound (the app), fault.Transient; Bulk says what was done before.
func (s *Service) PutRegistrations(ctx context.Context, app string, rows []*Registration, mode BulkMode) (Bulk, error) {
	var b Bulk
	app, err := s.appOf(ctx, app)
	if err != nil {
		return b, err
	}
	sound := make([]numberedRegistration, 0, len(rows))
	for i, r := range rows {
		r.App = app
		if err := s.admitRegistration(ctx, r); err != nil {
			b.Refused = append(b.Refused, BulkFault{i, err})
			continue
		}
		sound = append(sound, numberedRegistration{r, i})
	}
	for len(sound) > 0 && err == nil {
		var round []numberedRegistration
		round, sound = distinctRegistrations(sound)
		err = s.putRound(ctx, round, mode, &b)
	}
	slices.SortStableFunc(b.Refused, func(x, y BulkFault) int { return x.Index - y.Index })
	return b, err
}

// numberedRegistration is one and its place among the caller's rows.
type numberedRegistration struct {
	r     *Registration
	index int
}

// distinctRegistrations takes from the front at most registrationBulk rows without any
// repetition of an id.
func distinctRegistrations(list []numberedRegistration) (round, rest []numberedRegistration) {
	taken := make(map[string]bool, min(len(list), registrationBulk))
	for i, n := range list {
		if taken[n.r.ID] || i == registrationBulk {
			return list[:i], list[i:]
		}
		taken[n.r.ID] = true
	}
	return list, nil
}

// putRound commits a round; what the database refuses is halved until the row at fault
// stands alone.
func (s *Service) putRound(ctx context.Context, round []numberedRegistration, mode BulkMode, b *Bulk) error {
	rows := make([]*Registration, len(round))
	for i, n := range round {
		rows[i] = n.r
	}
	var results []Result
	err := s.again(ctx, func(tx *db.Tx) (err error) {
		results, err = putRegistrations(tx, rows, mode)
		return err
	})
	switch {
	case err == nil:
		for i, result := range results {
			b.count(round[i], result, mode)
		}
		return nil
	case fault.Is(err, fault.Transient) || fault.Is(err, fault.NotFound):
		return err
	case len(round) == 1:
		b.Refused = append(b.Refused, BulkFault{round[0].index, err})
		return nil
	}
	if err := s.putRound(ctx, round[:len(round)/2], mode, b); err != nil {
		return err
	}
	return s.putRound(ctx, round[len(round)/2:], mode, b)
}

func (b *Bulk) count(n numberedRegistration, result Result, mode BulkMode) {
	switch {
	case result == Created:
		b.Created++
	case result == Changed:
		b.Updated++
	case mode == Create:
		b.Refused = append(b.Refused, BulkFault{n.index, fault.E("hub.PutRegistrations", fault.Conflict, "there is such a registration already", nil)})
	default:
		b.Refused = append(b.Refused, BulkFault{n.index, noRegistration(n.r.App, n.r.ID, nil)})
	}
}

// DeleteRegistrations forgets many, at most 5,000 in a transaction; ids that are unknown
// or belong to installations are left out. Errors: fault.NotFound (the app), fault.Transient.
func (s *Service) DeleteRegistrations(ctx context.Context, app string, ids []string) (deleted int, err error) {
	if app, err = s.appOf(ctx, app); err != nil {
		return 0, err
	}
	for part := range slices.Chunk(ids, registrationBulk) {
		n := 0
		err := s.again(ctx, func(tx *db.Tx) (err error) {
			n, err = deleteRegistrations(tx, app, part)
			return err
		})
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}
