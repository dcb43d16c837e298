package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/analytics/filter"
	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// windowsListener counts facts in the windows of all standing queries. It hears
// every type, because queries come and go while Usher runs.
const windowsListener = "analytics.windows"

// Windows is the listener that counts facts in windows.
//
// State is kept per query, partition and key, and saved in the transaction that
// moves the partition's cursor: once for each batch, and exactly once. States of
// several partitions join when they are read.
func (s *Service) Windows() stream.Listener {
	return stream.Listener{
		Name: windowsListener, Batch: 2000, Workers: 2, Gather: 100 * time.Millisecond, Handle: s.countWindows,
		About: "counts facts in the windows of standing queries", Replayable: true, OnlyAhead: true,
		ReplayNote: "A query passes over facts it has counted, so this changes no output. To count facts again, also parked ones, replay the query on its own page.",
	}
}

// countWindows counts a batch of one partition's facts.
func (s *Service) countWindows(_ context.Context, tx *db.Tx, facts []stream.Fact) error {
	standings, err := s.listening(tx, typesOf(facts))
	if err != nil || len(standings) == 0 {
		return err
	}
	b := &windowBatch{partition: facts[0].Partition, byType: map[string][]*intake{}}
	for _, q := range standings {
		t := &intake{standing: q, parts: map[string][]window.Part{}}
		b.intakes = append(b.intakes, t)
		for _, name := range q.types {
			b.byType[name] = append(b.byType[name], t)
		}
	}
	if err := lockMarks(tx, b); err != nil {
		return err
	}
	for _, f := range facts {
		b.count(f)
	}
	b.intakes = slices.DeleteFunc(b.intakes, func(t *intake) bool { return !t.moved })
	for _, t := range b.intakes {
		if err := t.limitKeys(tx); err != nil {
			return err
		}
	}
	if err := joinStored(tx, b); err != nil {
		return err
	}
	return saveBatch(tx, b)
}

func typesOf(facts []stream.Fact) (types []string) {
	for _, f := range facts {
		if !slices.Contains(types, f.Type) {
			types = append(types, f.Type)
		}
	}
	return types
}

// windowBatch is what a batch of facts adds to the running queries.
type windowBatch struct {
	partition int16
	intakes   []*intake
	byType    map[string][]*intake
}

// intake is what it adds to one of them.
type intake struct {
	standing
	mark
	before window.Micros            // the watermark before the batch: nothing in it counts earlier
	parts  map[string][]window.Part // by key
	moved  bool                     // there is something to save
}

// mark is how far a partition has come for a query.
type mark struct {
	window.Watermark
	xid      uint64 // with logID: the last fact that was counted
	logID    int64
	facts    int64
	unusable int64
	overflow int64
}

// passed reports whether the fact was handled before: another query was replayed.
func (m *mark) passed(f stream.Fact) bool {
	return f.XID < m.xid || f.XID == m.xid && f.ID <= m.logID
}

func (b *windowBatch) count(f stream.Fact) {
	var d filter.Document
	var read bool
	for _, t := range b.byType[f.Type] {
		if t.passed(f) {
			continue
		}
		t.moved, t.xid, t.logID = true, f.XID, f.ID
		if f.ReceivedAt.Before(t.Since) {
			continue
		}
		if !read {
			d, read = documentOf(f), true
		}
		t.count(f, d)
	}
}

func (t *intake) count(f stream.Fact, d filter.Document) {
	key, v, is := t.take(d)
	switch is {
	case unusable:
		t.unusable++
	case counted:
		if at, ok := t.policy.Admit(&t.Watermark, window.At(f.Time), window.At(f.ReceivedAt)); ok {
			t.facts++
			t.parts[key] = t.window.Add(t.parts[key], at, v, t.aggregate)
		}
	}
}

// limitKeys counts keys beyond the query's limit under "other".
func (t *intake) limitKeys(tx *db.Tx) error {
	if t.key == nil {
		return nil
	}
	admitted, err := admitKeys(tx, t.id, t.maxKeys, sortedKeys(t.parts))
	if err != nil {
		return err
	}
	for key, parts := range t.parts {
		if key == otherKey || admitted[key] {
			continue
		}
		for _, p := range parts {
			t.overflow += p.Facts
		}
		t.parts[otherKey] = t.window.Join(t.parts[otherKey], parts)
		delete(t.parts, key)
	}
	return nil
}

func sortedKeys(parts map[string][]window.Part) []string {
	keys := make([]string, 0, len(parts))
	for k := range parts {
		if k != otherKey {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
