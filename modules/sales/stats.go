package sales

// TillStats is how busy the till of this process is.
type TillStats struct {
	Waiting  int     // requests that wait to be written
	Most     int     // that may wait; beyond, buyers are asked to come again
	Capacity float64 // requests a second, measured while it had all it could do; 0: never yet
}

// TillStats reads the figures; it asks no database.
func (s *Service) TillStats() TillStats {
	return TillStats{Waiting: len(s.till.queue), Most: tillQueue, Capacity: s.till.meter.capacity()}
}

func (m *meter) capacity() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.perSecond
}
