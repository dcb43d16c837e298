package db

import "sync"

// signal wakes this process's stream readers and relay after a commit, so that
// polling is only the floor. Other replicas hear of it through LISTEN/NOTIFY.
type signal struct {
	mu    sync.Mutex
	facts []chan<- News
	jobs  []chan<- struct{}
}

// News is that facts were committed: where, and of which type.
type News struct {
	Partition int16
	Type      string
}

func newSignal() *signal { return &signal{} }

func (s *signal) committed(facts map[News]bool, jobs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range facts {
		for _, c := range s.facts {
			select {
			case c <- n:
			default: // the reader is awake already and will look again
			}
		}
	}
	if jobs {
		for _, c := range s.jobs {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// OnFacts registers a channel that hears of facts committed by this process.
// Sends never block: give the channel a buffer of several times Partitions.
func (d *DB) OnFacts(c chan<- News) {
	d.signal.mu.Lock()
	defer d.signal.mu.Unlock()
	d.signal.facts = append(d.signal.facts, c)
}

// OnJobs registers a channel that hears of jobs committed by this process.
func (d *DB) OnJobs(c chan<- struct{}) {
	d.signal.mu.Lock()
	defer d.signal.mu.Unlock()
	d.signal.jobs = append(d.signal.jobs, c)
}
