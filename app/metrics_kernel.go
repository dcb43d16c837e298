package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// scrapeTimeout bounds what a scrape may ask of the database.
const scrapeTimeout = 2 * time.Second

// queueCollector tells how many jobs each lane holds.
type queueCollector struct{ queue *queue.Queue }

var (
	jobsHeld   = prometheus.NewDesc("usher_jobs", "Jobs by lane and state: waiting, scheduled, running, failed.", []string{"lane", "state"}, nil)
	jobsOldest = prometheus.NewDesc("usher_jobs_oldest_seconds", "How long the oldest waiting job has been due.", []string{"lane"}, nil)
)

// NewQueueCollector watches q's lanes.
func NewQueueCollector(q *queue.Queue) prometheus.Collector { return queueCollector{q} }

// Describe lists the metrics.
func (queueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- jobsHeld; ch <- jobsOldest }

// Collect counts the jobs. A database that does not answer leaves them out.
func (c queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	lanes, err := c.queue.Stats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(jobsHeld, err)
		return
	}
	for _, l := range lanes {
		for state, n := range map[string]int{"waiting": l.Waiting, "scheduled": l.Scheduled, "running": l.Running, "failed": l.Failed} {
			ch <- prometheus.MustNewConstMetric(jobsHeld, prometheus.GaugeValue, float64(n), l.Lane, state)
		}
		ch <- prometheus.MustNewConstMetric(jobsOldest, prometheus.GaugeValue, l.Oldest.Seconds(), l.Lane)
	}
}

// streamCollector tells how far behind each listener is.
type streamCollector struct{ stream *stream.Stream }

var (
	factsBehind = prometheus.NewDesc("usher_stream_behind", "Facts a listener has still to handle.", []string{"listener"}, nil)
	factsOldest = prometheus.NewDesc("usher_stream_oldest_seconds", "Age of the oldest of them.", []string{"listener"}, nil)
	factsHeld   = prometheus.NewDesc("usher_stream_held", "1 while an older open transaction holds the listener back.", []string{"listener"}, nil)
	factsParked = prometheus.NewDesc("usher_stream_parked", "Facts that a listener could not handle, put aside for people.", []string{"listener"}, nil)
)

// NewStreamCollector watches s's listeners.
func NewStreamCollector(s *stream.Stream) prometheus.Collector { return streamCollector{s} }

// Describe lists the metrics.
func (streamCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- factsBehind
	ch <- factsOldest
	ch <- factsHeld
	ch <- factsParked
}

// Collect reads the lags. A database that does not answer leaves them out.
func (c streamCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	lags, err := c.stream.Lag(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(factsBehind, err)
		return
	}
	parked, err := c.stream.ParkedByListener(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(factsParked, err)
		return
	}
	for _, l := range lags {
		held := 0.0
		if l.Held {
			held = 1
		}
		ch <- prometheus.MustNewConstMetric(factsBehind, prometheus.GaugeValue, float64(l.Behind), l.Listener)
		ch <- prometheus.MustNewConstMetric(factsOldest, prometheus.GaugeValue, l.Oldest.Seconds(), l.Listener)
		ch <- prometheus.MustNewConstMetric(factsHeld, prometheus.GaugeValue, held, l.Listener)
		ch <- prometheus.MustNewConstMetric(factsParked, prometheus.GaugeValue, float64(parked[l.Listener]), l.Listener)
	}
}
