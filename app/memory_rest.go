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
	beat        = 250 * time.Millisecond
	busyBeat    = 5 << 20 // bytes allocated in one: 20 MB a second
	busyAfter   = 2       // beats of that, so soon a send is noticed: some jobs take as much at a stroke, every few seconds
	restAfter   = 120     // beats without: what is given back costs the next rush a page fault each
	startRest   = 12      // beats without after the start, which leaves much behind
	startMost   = 8       // beats in a row that may still be the start
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
	r := newRhythm()
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
	loud      int    // beats in a row
	quiet     int    // beats in a row, until a busy one
	patience  int    // of those, until a rest
	allocated uint64 // bytes, ever
}

func newRhythm() rhythm { return rhythm{busy: true, patience: startRest} }

// turns takes the bytes allocated ever, at the next beat, and reports whether a busy time
// or a rest begins.
func (r *rhythm) turns(allocated uint64) bool {
	was := r.busy
	if allocated-r.allocated < busyBeat {
		r.loud, r.quiet = 0, r.quiet+1
	} else if r.loud++; r.loud >= busyAfter {
		r.quiet = 0
	}
	r.allocated = allocated
	r.busy = r.loud >= busyAfter || r.busy && r.quiet < r.patience
	if r.loud > startMost || !r.busy {
		r.patience = restAfter
	}
	return r.busy != was
}
