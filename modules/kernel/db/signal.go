package db

import "sync"

// signal wakes this process's stream readers and relay after a commit, so that
// polling is only the floor. Other replicas hear of it through LISTEN/NOTIFY.
type signal struct {
	mu    sync.Mutex
	facts []chan<- int16
	jobs  []chan<- struct{}
}

func newSignal() *signal { return &signal{} }

func (s *signal) committed(facts map[int16]bool, jobs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range facts {
		for _, c := range s.facts {
			select {
			case c <- p:
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

// OnFacts registers a channel that hears the partition of each fact committed
// by this process. Sends never block: give the channel a buffer of Partitions.
func (d *DB) OnFacts(c chan<- int16) {
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
