package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A process that rests has no speed to trade its memory for: it collects as Go would,
// and once gives back what the busy time took.
const (
	restPercent = 100
	beat        = 250 * time.Millisecond // so soon a send is noticed
	busyBeat    = 5 << 20                // bytes allocated in one: 20 MB a second
	restAfter   = 12                     // beats without
)

// restMemory follows the process's rhythm until ctx ends, unless the operator's GOGC says
// how to collect.
func restMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	r := rhythm{busy: true}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(allocated)
		if !r.turns(allocated[0].Value.Uint64()) {
			continue
		}
		if r.busy {
			debug.SetGCPercent(gcPercent)
		} else {
			debug.SetGCPercent(restPercent)
			debug.FreeOSMemory()
		}
	}
}

// rhythm tells busy times from rests by what is allocated.
type rhythm struct {
	busy      bool
	quiet     int    // beats
	allocated uint64 // bytes, ever
}

// turns takes the bytes allocated ever, at the next beat, and reports whether a busy time
// or a rest begins.
func (r *rhythm) turns(allocated uint64) bool {
	was := r.busy
	if allocated-r.allocated >= busyBeat {
		r.busy, r.quiet = true, 0
	} else if r.quiet++; r.quiet >= restAfter {
		r.busy = false
	}
	r.allocated = allocated
	return r.busy != was
}
