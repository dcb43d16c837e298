package analytics

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/kernel/stream"
)

// listenerState is a listener and how it fares.
type listenerState struct {
	Name       string         `json:"name"`
	About      string         `json:"about"`
	Types      []string       `json:"types"`          // none: all
	Behind     int            `json:"behind"`         // facts to handle; counted up to 10,000 in each partition
	Seconds    float64        `json:"behind_seconds"` // age of the oldest of them
	Held       bool           `json:"held"`           // an older open transaction is in the way
	Blocker    *blockerState  `json:"blocker,omitempty"`
	Parked     int            `json:"parked"`
	Replayable bool           `json:"replayable"`
	ReplayNote string         `json:"replay_note,omitempty"`
	Partitions []readingState `json:"partitions"`
}

// blockerState is the transaction that holds readers back.
type blockerState struct {
	PID     int     `json:"pid"` // of the PostgreSQL backend; 0 for a prepared transaction
	Seconds float64 `json:"age_seconds"`
	State   string  `json:"state"`
	Query   string  `json:"query"`
}

// readingState is how far a listener is in one partition.
type readingState struct {
	Partition int16      `json:"partition"`
	XID       uint64     `json:"xid"`
	ID        int64      `json:"id"`
	Failures  int        `json:"failures"` // of the next fact
	MovedAt   *time.Time `json:"moved_at"`
}

// listenerStates tells of every listener of this process.
func (s *Service) listenerStates(ctx context.Context) ([]listenerState, error) {
	lags, err := s.stream.Lag(ctx)
	if err != nil {
		return nil, err
	}
	parked, err := s.stream.ParkedByListener(ctx)
	if err != nil {
		return nil, err
	}
	all := []listenerState{}
	for i, l := range s.stream.Listeners() {
		state := stateOf(l, lags[i])
		state.Parked = parked[l.Name]
		readings, err := s.stream.Readings(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range readings {
			state.Partitions = append(state.Partitions, readingState(r))
		}
		all = append(all, state)
	}
	return all, nil
}

func stateOf(l stream.Listener, lag stream.Lag) listenerState {
	state := listenerState{
		Name: l.Name, About: l.About, Types: append([]string{}, l.Types...), Replayable: l.Replayable, ReplayNote: l.ReplayNote,
		Behind: lag.Behind, Seconds: max(lag.Oldest.Seconds(), 0), Held: lag.Held, Partitions: []readingState{},
	}
	if b := lag.Blocker; b != nil {
		state.Blocker = &blockerState{PID: b.PID, Seconds: b.Age.Seconds(), State: b.State, Query: b.Query}
	}
	return state
}
