package hub

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Result is what a PUT did.
type Result string

// Results of a PUT. An unchanged installation costs no row version.
const (
	Created   Result = "created"
	Changed   Result = "changed"
	Unchanged Result = "unchanged"
)

// Put is the answer to one installation that was put.
type Put struct {
	App     string `json:"app"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Result  Result `json:"result"`
}

const (
	inletBatch = 256  // installations a transaction
	inletQueue = 4096 // installations that may wait
	inletTime  = 20 * time.Second
	collisions = 4  // times a batch is tried that met another transaction, or a handle's owner
	wary       = 16 // transactions that free handles at once after one that met an owner: where one moved, more do
)

// inlet is the group commit of installations: while one transaction is under way
// the next batch gathers, so that a busy hub pays one commit for hundreds of PUTs
// and an idle one answers at once. No timer is involved.
type inlet struct {
	s     *Service
	apps  appCache
	zones sync.Map // names known to be good; there are some hundred
	wary  atomic.Int32

	queue chan *request
	done  chan struct{}
}

type request struct {
	in     *Installation
	answer chan reply // holds one: the worker never waits for a caller that left
}

type reply struct {
	put Put
	err error
}

// newInlet starts the inlet's one worker; a second would only meet the first on
// the same index pages.
func newInlet(s *Service) *inlet {
	n := &inlet{s: s, queue: make(chan *request, inletQueue), done: make(chan struct{})}
	go n.work()
	return n
}

// close writes what waits and stops the worker. Nobody may submit any more.
func (n *inlet) close() {
	close(n.queue)
	<-n.done
}

// submit puts one validated installation and waits for its commit. Errors:
// fault.Limited when too many wait, fault.Transient when ctx ends first (the PUT may
// still happen; it is safe to repeat).
func (n *inlet) submit(ctx context.Context, in *Installation) (Put, error) {
	const op = "hub.PutInstallation"
	r := &request{in: in, answer: make(chan reply, 1)}
	select {
	case n.queue <- r:
	default:
		return Put{}, fault.E(op, fault.Limited, "too many devices register at once", nil).
			WithFix("repeat the request after a moment").After(time.Second)
	}
	select {
	case a := <-r.answer:
		return a.put, a.err
	case <-ctx.Done():
		return Put{}, fault.E(op, fault.Transient, "the request took too long", ctx.Err())
	}
}

func (n *inlet) work() {
	defer close(n.done)
	batch := make([]*request, 0, inletBatch)
	for first := range n.queue {
		batch = db.Gather(append(batch[:0], first), n.queue, inletBatch)
		n.write(batch)
	}
}

// write commits a batch in rounds, none of which holds an id or a handle twice,
// so that repeats take effect in the order they came.
func (n *inlet) write(batch []*request) {
	for len(batch) > 0 {
		round, rest := distinct(batch, func(r *request) *Installation { return r.in })
		n.commit(round)
		batch = rest
	}
}

// commit writes one round in one transaction. If that fails, each is tried alone,
// so that one bad row does not fail the others; only a database that is away fails all.
func (n *inlet) commit(round []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), inletTime)
	defer cancel()
	rows := make([]*Installation, len(round))
	for i, r := range round {
		rows[i] = r.in
	}
	puts, err := n.s.putAll(ctx, rows, true)
	switch {
	case err == nil:
		for i, r := range round {
			r.answer <- reply{put: puts[i]}
		}
	case len(round) == 1 || fault.Is(err, fault.Transient) && !collided(err):
		for _, r := range round {
			r.answer <- reply{err: err}
		}
	default:
		for i := range round {
			n.commit(round[i : i+1])
		}
	}
}

// putAll writes installations of which no two share an id or a handle, again if
// the transaction met another one on a handle. It hopes that nobody else has their
// handles, as is mostly so: to look for owners costs as much as the rest of a refresh.
// confirm is as for putInstallations.
func (s *Service) putAll(ctx context.Context, rows []*Installation, confirm bool) (puts []Put, err error) {
	free := s.inlet.wary.Load() > 0
	if free {
		s.inlet.wary.Add(-1)
	}
	err = s.again(ctx, func(tx *db.Tx) (err error) {
		puts, err = putInstallations(tx, rows, confirm, free)
		if collided(err) {
			s.inlet.wary.Store(wary)
			free = true
		}
		return err
	})
	return puts, err
}

// distinct takes from items, in order, those before any repetition of an id or a
// handle; rest is what must come after them.
func distinct[T any](items []T, installation func(T) *Installation) (round, rest []T) {
	type key struct{ what, app, value string }
	taken := make(map[key]bool, 2*len(items))
	for _, item := range items {
		in := installation(item)
		id, handle := key{"id", in.App, in.ID}, key{in.Kind, in.App, in.Handle}
		if taken[id] || taken[handle] {
			rest = append(rest, item)
		} else {
			round = append(round, item)
		}
		taken[id], taken[handle] = true, true // also for the rest: whatever follows it must stay behind it
	}
	return round, rest
}

// knownZone is validZone with a memory: loading a zone reads a file.
func (n *inlet) knownZone(name string) bool {
	if _, ok := n.zones.Load(name); ok {
		return true
	}
	if !validZone(name) {
		return false
	}
	n.zones.Store(name, true)
	return true
}

// appCacheAge is how long the list of apps may be out of date after another
// replica changed it; the foreign key has the last word.
const appCacheAge = 2 * time.Second

// appCache spares each PUT a query for its app.
type appCache struct {
	mu  sync.Mutex
	ids []string // sorted
	at  time.Time
}

func (c *appCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

// appOf checks that app exists and that the caller's key is for it; "" means the
// key's own, or the hub's only one. Errors:
// fault.NotFound, fault.Invalid when there are several to choose from.
func (s *Service) appOf(ctx context.Context, app string) (string, error) {
	const op = "hub.app"
	app, err := scopedApp(ctx, app)
	if err != nil {
		return "", err
	}
	c := &s.inlet.apps
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := s.db.Now(); c.at.IsZero() || now.Sub(c.at) > appCacheAge {
		ids, err := s.appIDs(ctx)
		if err != nil {
			return "", err
		}
		slices.Sort(ids) // by bytes, whatever the database's collation
		c.ids, c.at = ids, now
	}
	switch {
	case app == "" && len(c.ids) == 1:
		return c.ids[0], nil
	case app == "" && len(c.ids) == 0:
		return "", fault.E(op, fault.NotFound, "the hub has no app yet", nil).WithFix("make one with POST /v1/apps")
	case app == "":
		return "", fault.BadField(op, "app", fmt.Sprintf("is missing, and the hub has %d apps", len(c.ids)), "name one of those GET /v1/apps lists")
	}
	if _, ok := slices.BinarySearch(c.ids, app); !ok {
		return "", noApp(app, nil)
	}
	return app, nil
}
