package sales

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// meter measures what the till can do, while it has all it can do, and notes the
// events for which people had to be sent away.
type meter struct {
	mu        sync.Mutex
	served    int
	busy      time.Duration
	perSecond float64
	crowded   map[id.ID]bool
}

// meterWindow is the busy time from which a capacity is told; meterWeight is what
// the latest measurement counts against those before it.
const (
	meterWindow = 500 * time.Millisecond
	meterWeight = 0.3
)

func (m *meter) add(served int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.served += served
	if m.busy += took; m.busy < meterWindow {
		return
	}
	rate := float64(m.served) / m.busy.Seconds()
	if m.perSecond == 0 {
		m.perSecond = rate
	}
	m.perSecond += meterWeight * (rate - m.perSecond)
	m.served, m.busy = 0, 0
}

func (m *meter) crowd(event id.ID) {
	if event == id.Nil { // tickets that are given back name none
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crowded == nil {
		m.crowded = map[id.ID]bool{}
	}
	m.crowded[event] = true
}

// read returns the capacity in requests a second, 0 when it is not known, and the
// events that have become crowded since it was asked last.
func (m *meter) read() (float64, []id.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := slices.Collect(maps.Keys(m.crowded))
	m.crowded = nil
	return m.perSecond, events
}
