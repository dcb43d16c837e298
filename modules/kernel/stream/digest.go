package stream

import (
	"sync"

	"github.com/usherhq/usher/modules/kernel/db"
)

// digestTypes is how many types of a partition a digest keeps: callers may send facts of types of their own.
const digestTypes = 1000

// digest is what checks of the log have found: of which types there are facts in each
// partition, not what they say. So a listener passes over those for others without reading.
type digest struct {
	mu      sync.Mutex
	since   uint64 // from there on …
	horizon uint64 // … to here everything is accounted for
	parts   [db.Partitions]map[string]trace
}

// trace is where the facts of a type are.
type trace struct {
	newest uint64 // transaction with one
	was    uint64 // newest, as of the horizon clear
	clear  uint64
}

// begin says that checks begin at a horizon, or that one could not count what it found.
func (d *digest) begin(horizon uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.anew(horizon)
}

func (d *digest) anew(horizon uint64) {
	d.since, d.horizon, d.parts = horizon, horizon, [db.Partitions]map[string]trace{}
}

// add takes in a check from the last one's horizon on.
func (d *digest) add(n news) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range n.found {
		all := d.parts[f.partition]
		if all == nil {
			all = map[string]trace{}
			d.parts[f.partition] = all
		}
		if t := all[f.kind]; f.newest > t.newest { // else one that was found before it was below the horizon
			all[f.kind] = trace{newest: f.newest, was: t.newest, clear: d.horizon}
		}
		if len(all) > digestTypes {
			d.anew(n.horizon)
			return
		}
	}
	d.horizon = n.horizon
}

// pass gives the place behind seen up to which nothing of these types, none: of all, is in a partition.
func (d *digest) pass(p int16, types []string, seen position) position {
	d.mu.Lock()
	defer d.mu.Unlock()
	if seen.xid < d.since {
		return seen
	}
	to := d.horizon
	for kind, t := range d.parts[p] {
		switch {
		case !wants(types, kind), t.newest < seen.xid:
		case t.was < seen.xid:
			to = min(to, t.clear)
		default:
			return seen
		}
	}
	if to > seen.xid {
		return position{xid: to}
	}
	return seen
}

// newest is the last transaction known to have facts of these types in a partition.
func (d *digest) newest(p int16, types []string) (xid uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	xid = max(d.since, 1) - 1 // what is before was not counted
	for kind, t := range d.parts[p] {
		if wants(types, kind) {
			xid = max(xid, t.newest)
		}
	}
	return xid
}
