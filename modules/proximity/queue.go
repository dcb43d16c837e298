package proximity

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/queueing"
)

// queueMemory is what is remembered of one queue between two minutes.
type queueMemory struct {
	Estimator queueing.Estimator `json:"estimator"`
	Trigger   queueing.Trigger   `json:"trigger"`
}

// Queue is a stall's queue as it was last estimated.
type Queue struct {
	Stall   id.ID      `json:"stall"`
	Name    string     `json:"name"`
	At      time.Time  `json:"at"`
	Known   bool       `json:"known"`                // false: insufficient data
	People  float64    `json:"people"`               // who wait or are served
	Low     float64    `json:"low"`                  // 80 % interval
	High    float64    `json:"high"`                 //
	Wait    *float64   `json:"wait,omitempty"`       // minutes; nil: not known
	Devices int        `json:"-"`                    // phones it came from: kept, told to nobody
	Sales   int        `json:"sales"`                // completions in the 300 s before
	Long    *time.Time `json:"long_since,omitempty"` // nil: it is not long
}

// EstimateQueues estimates every queue of the events that are going on, once a minute: a
// minute that has been estimated is left alone, by whatever process. Then the offers that
// depend on queues, and on the event's clock, are decided.
func (s *Service) EstimateQueues(ctx context.Context) error {
	scenes, err := s.scenes(ctx, s.db.Pool(), s.db.Now())
	if err != nil {
		return err
	}
	for _, sc := range scenes {
		at := s.db.Now().Truncate(queueing.Every)
		if !sc.at(at) {
			continue
		}
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			fresh := false
			for i := range sc.site.Stalls {
				stall := &sc.site.Stalls[i]
				zone := sc.site.zone(stall.Zone)
				if zone == nil {
					continue
				}
				done, err := s.estimate(tx, sc, stall, zone, at)
				if err != nil {
					return err
				}
				fresh = fresh || done
			}
			return s.minute(tx, sc, at, fresh)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// estimate brings one queue to the minute that ends at at; false: it is there already.
func (s *Service) estimate(tx *db.Tx, sc *scene, stall *Stall, zone *Zone, at time.Time) (bool, error) {
	memory, since, last, err := lockQueue(tx, sc.ID, stall.ID)
	if err != nil || !last.Before(at) {
		return false, err
	}
	m, err := queueMinute(tx, sc, stall, zone, last, at)
	if err != nil {
		return false, err
	}
	e := memory.Estimator.Update(m)
	memory.Trigger.Level, memory.Trigger.Below = float64(stall.QueueHigh), false
	q := Queue{Stall: stall.ID, Name: stall.Name, At: at, Known: e.Status == queueing.Known, People: e.People, Low: e.Low, High: e.High, Devices: m.Devices, Sales: m.Sales, Long: since}
	if e.Waits {
		wait := e.Wait.Minutes()
		q.Wait = &wait
	}
	switch memory.Trigger.Update(e) {
	case queueing.Raised:
		q.Long = &at
		err = tx.Emit(facts.QueueLong{Event: sc.Name, Stall: stall.ID, Name: stall.Name, People: e.People, Wait: e.Wait.Minutes(), At: at})
	case queueing.Cleared:
		began := at
		if since != nil {
			began = *since
		}
		q.Long = nil
		err = tx.Emit(facts.QueueCleared{Event: sc.Name, Stall: stall.ID, Name: stall.Name, People: e.People, Since: began, At: at})
	}
	if err != nil {
		return false, err
	}
	return true, writeQueue(tx, sc.ID, memory, q)
}
