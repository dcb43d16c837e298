package analytics

import (
	"bytes"
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// The states of an import.
const (
	importWaiting = "waiting"
	importWorking = "working"
	importDone    = "done"
	importFailed  = "failed"
)

// Import is a file of past events on its way in.
type Import struct { //nolint:recvcheck // templates ask copies; only a row is read into it
	ID      id.ID  `json:"id"`
	Name    string `json:"name"` // of the file
	Format  string `json:"format"`
	Events  int    `json:"events"`
	Done    int    `json:"done"` // of them
	State   string `json:"state"`
	Problem string `json:"problem,omitempty"`
	By      string `json:"by"`
}

// Ended reports whether nothing more will come of it: it is done, or it failed.
func (i Import) Ended() bool { return i.State == importDone || i.State == importFailed }

// Percent is how far it is.
func (i Import) Percent() int {
	if i.State == importDone {
		return 100
	}
	return 100 * i.Done / max(i.Events, 1)
}

// maxImport bounds a file.
const maxImport = 16 << 20

// BeginImport checks a file of past events and has it taken in by a job. Errors:
// fault.Invalid with every line that is wrong, and its fix.
func (s *Service) BeginImport(tx *db.Tx, name string, file []byte, by string) (Import, error) {
	events, format, err := bookings.Any(name, bytes.NewReader(file))
	if err != nil {
		return Import{}, err
	}
	i := Import{ID: id.New(), Name: name, Format: format, Events: len(events), State: importWaiting, By: by}
	if err := insertImport(tx, i, file); err != nil {
		return Import{}, err
	}
	return i, tx.Enqueue(importJob(i.ID))
}

// importStep is how many events are taken in at once; the page shows how many are done.
const importStep = 50

// runImport takes a file in, step by step, and has a model trained on it. Run again, it
// goes on where it was.
func (s *Service) runImport(ctx context.Context, which id.ID) error {
	i, file, err := s.importFile(ctx, which)
	if err != nil || i.Ended() {
		return err
	}
	events, format, err := bookings.Any(i.Name, bytes.NewReader(file))
	if err != nil {
		i.State, i.Problem = importFailed, fault.Message(err)
		return s.db.InTx(ctx, func(tx *db.Tx) error { return noteImport(tx, i) })
	}
	for i.Done < len(events) {
		next := events[i.Done:min(i.Done+importStep, len(events))]
		i.State, i.Done = importWorking, i.Done+len(next)
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			for _, e := range next {
				if err := savePast(tx, format, e); err != nil {
					return err
				}
			}
			return noteImport(tx, i)
		})
		if err != nil {
			return err
		}
	}
	i.State = importDone
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := noteImport(tx, i); err != nil {
			return err
		}
		return tx.Enqueue(trainJob(fmt.Sprintf("%d past events imported", i.Events)))
	})
}
