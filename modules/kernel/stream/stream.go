// Package stream delivers facts to listeners, each exactly once and in order.
//
// db.Tx.Emit writes a fact to stream.log in the transaction of the change it
// reports. A listener has a cursor per partition; a reader locks the cursor,
// reads the facts behind it, runs the listener's handler and moves the cursor, all
// in one transaction. Any number of processes share the partitions that way: that needs
// no leader, lease or clock, and a crash rolls everything back. To spare work they leave
// a partition to the one that is ahead there, as long as it keeps up.
//
// Order: the facts of one partition (so of one key) reach a listener by (xid, id),
// the order in which their transactions first wrote. A fact is held back while an
// older transaction is still open, because that one could yet commit a fact before it.
package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Config tunes the stream. A zero field takes its default.
type Config struct {
	RetentionDays int // facts older than that are dropped, by day; 90

	Poll         time.Duration // how often to look for facts without being woken; 1 s
	BatchTimeout time.Duration // of one batch; its transaction holds back all readers; 30 s
	Attempts     int           // failures after which a fact is parked; 5
	RetryMin     time.Duration // pause after a fact's first failure, four times longer each time; 100 ms
}

func (c Config) withDefaults() Config {
	if c.RetentionDays <= 0 {
		c.RetentionDays = 90
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.BatchTimeout <= 0 {
		c.BatchTimeout = 30 * time.Second
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	if c.RetryMin <= 0 {
		c.RetryMin = 100 * time.Millisecond
	}
	return c
}

// Fact is one row of the log.
type Fact struct {
	Partition        int16
	XID              uint64 // of the transaction that announced it
	ID               int64  // rises within a transaction; with XID, the position in the partition
	Type, Key        string
	Source, SourceID string    // together unique within the day of Time
	Time             time.Time // when it happened
	ReceivedAt       time.Time // when it was written down
	Data             json.RawMessage
}

// Decode reads the fact's data as a T. Errors: fault.Invalid.
func Decode[T any](f Fact) (T, error) {
	var v T
	if err := json.Unmarshal(f.Data, &v); err != nil {
		return v, fault.E("stream.Decode", fault.Invalid, fmt.Sprintf("the data of a %s does not decode as %T", f.Type, v), err)
	}
	return v, nil
}

// From is where a listener begins that has never run on this database.
type From int

const (
	// Now leaves out what was announced before Register (or Run, which calls it).
	// It is the default: a listener added by an upgrade must not act on three
	// months of history, such as sending pushes for them.
	Now From = iota
	// Beginning starts with the oldest fact kept, for listeners that derive state.
	Beginning
)

// Listener reacts to facts.
type Listener struct {
	Name    string   // identifies the cursors: a new name is a new listener
	Types   []string // of facts it wants; empty: all
	Batch   int      // most facts in one call; default 500
	Workers int      // partitions this process handles at once; default 1
	// Gather is how long facts that follow others may wait for more of them, so that a busy
	// stream costs few transactions; default 20 ms. The first after a quiet time never waits.
	Gather time.Duration
	// Together lets one call, and one transaction, hold facts of several partitions: Workers
	// such calls share those that are due. Facts of a key are in order then, those of different
	// keys by partition.
	Together bool
	From     From

	About      string // what it does, for people: "counts facts in windows"
	Replayable bool   // Replay may hand it facts again; otherwise their effects would happen twice
	OnlyAhead  bool   // it passes over facts behind those it has handled: a parked one must not be replayed alone
	ReplayNote string // what a replay does, or why there is none, for people who want one

	// Idle, if set, reports that there is nothing the facts could change, such as a shop
	// nobody has told us of: they are passed over unread.
	Idle func(ctx context.Context, tx *db.Tx) (bool, error)

	// Handle applies facts of one partition (of several: see Together), in order, inside tx. Its effect and
	// the cursor commit together, so what it writes through tx happens exactly once.
	// When it fails the batch is repeated one fact at a time; a fact that fails
	// Config.Attempts times is parked and the partition goes on.
	Handle func(ctx context.Context, tx *db.Tx, facts []Fact) error
}

// Stream reads the log for its listeners. Listen belongs before Run.
type Stream struct {
	cfg     Config
	log     *slog.Logger
	store   store
	name    id.ID        // of this process, in notifications
	facts   chan db.News // what this process has committed
	remote  chan tidings // what other processes tell
	readers []*reader
	tail    tail
	digest  digest
	leads   leads
	// asking is held by the reader that asks where its cursors are. All want to know at the
	// same instants, and each would have the pool open a connection for that.
	asking sync.Mutex
}

// New prepares a Stream over d. Nothing runs before Run.
func New(d *db.DB, cfg Config, log *slog.Logger) *Stream {
	s := &Stream{
		cfg: cfg.withDefaults(), log: log, store: store{d}, name: id.New(),
		facts: make(chan db.News, 8*db.Partitions), remote: make(chan tidings, 1),
		leads: leads{now: time.Now},
	}
	d.OnFacts(s.facts)
	return s
}

// Listen adds a listener. It panics when the listener has no name or handler, or
// its name is taken: that is a mistake of the program, found at its first start.
func (s *Stream) Listen(l Listener) {
	if l.Name == "" || l.Handle == nil {
		panic("stream: a listener needs a name and a handler")
	}
	if s.reader(l.Name) != nil {
		panic("stream: two listeners named " + l.Name)
	}
	if l.Batch <= 0 {
		l.Batch = 500
	}
	l.Workers = max(l.Workers, 1)
	l.Gather = max(l.Gather, gather)
	s.tail.want(l.Types)
	r := newReader(s, l)
	r.rank = len(s.readers)
	s.readers = append(s.readers, r)
}

// Listeners are those of this process, in the order they were added.
func (s *Stream) Listeners() []Listener {
	all := make([]Listener, len(s.readers))
	for i, r := range s.readers {
		all[i] = r.Listener
	}
	return all
}

// Retention is how long facts are kept after the day of their time.
func (s *Stream) Retention() time.Duration {
	return time.Duration(s.cfg.RetentionDays) * 24 * time.Hour
}

// Register creates the cursors of listeners this database has not seen, so that
// what is announced from now on reaches them, even before Run.
func (s *Stream) Register(ctx context.Context) error {
	var names []string
	var types [][]string
	for _, r := range s.readers {
		if err := s.store.register(ctx, r.Name, r.From == Beginning); err != nil {
			return err
		}
		names, types = append(names, r.Name), append(types, r.Types)
	}
	return s.store.note(ctx, names, types)
}

func (s *Stream) reader(name string) *reader {
	for _, r := range s.readers {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// registered is the reader of a listener, or fault.NotFound.
func (s *Stream) registered(op, name string) (*reader, error) {
	if r := s.reader(name); r != nil {
		return r, nil
	}
	return nil, fault.E(op, fault.NotFound, fmt.Sprintf("there is no listener %q", name), nil)
}
