// Package queue runs jobs. PostgreSQL is the truth, Asynq is the hand.
//
// db.Tx.Enqueue writes a row of queue.outbox in the caller's transaction. The
// relay leases rows that are due and hands them to Asynq, which spreads them over
// the workers of all replicas. A worker claims the row, runs the handler and
// deletes the row. Schedules, retries, leases and given-up jobs live in
// PostgreSQL alone, so Redis may be emptied at any moment: what it held is handed
// again. An Asynq task carries the row's id and nothing else; a task that finds
// no row to claim ends quietly, so a job that is in Redis twice runs once.
//
// The states of a row:
//
//	waiting  lease_until null                 relay → handed
//	handed   lease_until set, owner null      worker → running; lease over → waiting
//	running  lease_until set, owner set       done → deleted; error → waiting or failed;
//	                                          lease over (a crash) → waiting
//	failed   failed_at set                    Requeue → waiting
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Lane is a set of workers of its own: a lane whose jobs hang takes no worker
// from another. db.Job.Queue names it.
type Lane struct {
	Name        string // [a-z0-9_:-]+
	Concurrency int    // jobs at once in one process, ≥ 1
	Pace        Pace
}

// Pace is how soon a lane's jobs are picked up; looking for them more often costs more.
type Pace int

// The paces.
const (
	Prompt Pace = iota // within Config.Pickup
	Urgent             // every tenth of a second counts: five times sooner
	Calm               // nobody waits for its jobs: ten times later
)

// Config says which jobs a process runs and how patient it is. A zero field
// takes its default.
type Config struct {
	Lanes []Lane
	// Fresh promises that no other process runs jobs of this database, as with the
	// built-in store: what a former process left running is taken over at once.
	Fresh bool

	ShutdownTimeout time.Duration // what running jobs get to end by themselves; 10 s
	Poll            time.Duration // how often the relay looks without being woken; 1 s
	Pickup          time.Duration // mean time a handed job waits for an idle worker; 50 ms
	HandLease       time.Duration // a handed job nobody claimed is handed again; 30 s
	RunLease        time.Duration // a running job without heartbeat is taken over; 15 s
	RetryMin        time.Duration // delay after the first failure, doubled by each more; 1 s
	RetryMax        time.Duration // longest delay; 5 min
	Window          int           // handed jobs per lane; the rest waits in PostgreSQL; 1,000
	Crashes         int           // a job is given up when it took down this many processes; 5
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.ShutdownTimeout, 10*time.Second)
	set(&c.Poll, time.Second)
	set(&c.Pickup, 50*time.Millisecond)
	set(&c.HandLease, 30*time.Second)
	set(&c.RunLease, 15*time.Second)
	set(&c.RetryMin, time.Second)
	set(&c.RetryMax, 5*time.Minute)
	if c.Window <= 0 {
		c.Window = 1000
	}
	if c.Crashes <= 0 {
		c.Crashes = 5
	}
	return c
}

// laneName leaves out braces, which Redis Cluster reads as a hash tag.
var laneName = regexp.MustCompile(`^[a-z0-9_:-]+$`)

// Validate reports all that is wrong with the lanes.
func (c Config) Validate() error {
	const op = "queue.Config"
	if len(c.Lanes) == 0 {
		return fault.BadField(op, "lanes", "there is none", "name at least one lane")
	}
	var bad []fault.Field
	seen := map[string]bool{}
	for i, l := range c.Lanes {
		at := fmt.Sprintf("lanes[%d]", i)
		if !laneName.MatchString(l.Name) {
			bad = append(bad, fault.Field{Name: at + ".name", Problem: fmt.Sprintf("%q is not a lane name", l.Name), Fix: "use a-z, 0-9, _, : and -"})
		}
		if seen[l.Name] {
			bad = append(bad, fault.Field{Name: at + ".name", Problem: fmt.Sprintf("%q is there twice", l.Name), Fix: "merge the two lanes"})
		}
		if l.Concurrency < 1 {
			bad = append(bad, fault.Field{Name: at + ".concurrency", Problem: "is below 1", Fix: "write 1 or more"})
		}
		seen[l.Name] = true
	}
	return fault.BadFields(op, bad)
}

// Handler does the job whose JSON payload it is given. It must be safe to run
// twice. ctx ends at the job's timeout, when the process must stop, or when the
// job's lease was lost. The error's fault code decides: limited, transient and
// internal ones are repeated (after the fault's RetryAfter, if it states one),
// the rest are not.
type Handler func(ctx context.Context, payload []byte) error

// Queue hands jobs out and runs them. Its methods are safe for concurrent use
// once Run was called; Handle and Every belong before it.
type Queue struct {
	cfg       Config
	log       *slog.Logger
	store     store
	redis     redis.UniversalClient
	gate      *gate
	client    *asynq.Client
	inspector *asynq.Inspector

	handlers map[string]Handler
	periodic []*periodic

	wake chan struct{} // the relay's bell
	full atomic.Bool   // a lane's window was full: more waits behind it
	mark string        // what this process last saw in Redis under markKey; the relay's own
	away bool          // Redis did not answer last time; the relay's own

	jobsCtx  context.Context // of all handlers; ends when stopping has taken too long
	stopJobs context.CancelFunc

	mu      sync.Mutex
	running map[id.ID]*run
}

// New prepares a Queue over the database and the Redis that opt reaches. Nothing
// runs before Run. Errors: fault.Invalid for a bad config.
func New(d *db.DB, opt asynq.RedisConnOpt, cfg Config, log *slog.Logger) (*Queue, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fault.E("queue.New", fault.Internal, fmt.Sprintf("%T does not make a Redis client", opt), nil)
	}
	q := &Queue{
		cfg: cfg.withDefaults(), log: log, store: store{d},
		redis: client, gate: newGate(), client: asynq.NewClientFromRedisClient(client), inspector: asynq.NewInspectorFromRedisClient(client),
		handlers: map[string]Handler{}, wake: make(chan struct{}, 1), running: map[id.ID]*run{},
	}
	client.AddHook(q.gate)
	q.jobsCtx, q.stopJobs = context.WithCancel(context.Background())
	d.OnJobs(q.wake)
	return q, nil
}

// Handle registers what runs the jobs of a name. It panics when the name is taken:
// that is a mistake of the program, found at its first start.
func (q *Queue) Handle(name string, fn Handler) {
	if q.handlers[name] != nil {
		panic("queue: two handlers for " + name)
	}
	q.handlers[name] = fn
}

// On registers a handler that takes its payload decoded. A payload that does not
// decode is fault.Invalid: the job is given up.
func On[P any](q *Queue, name string, fn func(ctx context.Context, payload P) error) {
	q.Handle(name, func(ctx context.Context, data []byte) error {
		var p P
		if err := json.Unmarshal(data, &p); err != nil {
			return fault.E("queue.On", fault.Invalid, "the payload of "+name+" does not decode", err)
		}
		return fn(ctx, p)
	})
}

// Every enqueues a job once per interval over all replicas, on the interval's
// multiples since the zero time (every hour: on the hour, UTC). job is told the
// tick. The first ever start enqueues at once; ticks that passed while no process
// ran are made up by one. The job's name and the interval identify the schedule.
// interval is at least one second.
func (q *Queue) Every(interval time.Duration, job func(tick time.Time) db.Job) {
	q.periodic = append(q.periodic, &periodic{every: max(interval, time.Second), job: job})
}
