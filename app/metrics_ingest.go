package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/analytics"
)

// ingestCollector tells how busy the ingest door is.
type ingestCollector struct{ analytics *analytics.Service }

var (
	ingestEvents   = prometheus.NewDesc("usher_ingest_events_total", "Events at the ingest door that were accepted or found to be duplicates.", []string{"result"}, nil)
	ingestRejected = prometheus.NewDesc("usher_ingest_rejected_total", "Events rejected, by the attribute that was wrong first; right: the key may not send such events.", []string{"reason"}, nil)
	ingestTurned   = prometheus.NewDesc("usher_ingest_turned_away_total", "Requests answered 429 because too much was waiting.", nil, nil)
	ingestWaiting  = prometheus.NewDesc("usher_ingest_waiting", "Requests that wait to be written.", nil, nil)
	ingestHeld     = prometheus.NewDesc("usher_ingest_held_bytes", "Bytes of requests admitted and not yet answered.", nil, nil)
	ingestMost     = prometheus.NewDesc("usher_ingest_held_bytes_max", "Bytes that may be held: analytics.ingest.queue_mb.", nil, nil)
	ingestCommits  = prometheus.NewDesc("usher_ingest_commit_seconds", "Time to write a batch of requests and commit it.", nil, nil)
)

// NewIngestCollector watches the ingest door of a.
func NewIngestCollector(a *analytics.Service) prometheus.Collector { return ingestCollector{a} }

// Describe lists the metrics.
func (ingestCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ingestEvents, ingestRejected, ingestTurned, ingestWaiting, ingestHeld, ingestMost, ingestCommits} {
		ch <- d
	}
}

// Collect reads the figures; it asks no database.
func (c ingestCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.analytics.IngestStats()
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	count(ingestEvents, s.Accepted, "accepted")
	count(ingestEvents, s.Duplicate, "duplicate")
	for reason, n := range s.Rejected {
		count(ingestRejected, n, reason)
	}
	count(ingestTurned, s.TurnedAway)
	gauge(ingestWaiting, int64(s.Waiting))
	gauge(ingestHeld, s.Held)
	gauge(ingestMost, s.Most)
	ch <- prometheus.MustNewConstHistogram(ingestCommits, s.Commits.Count, s.Commits.Sum.Seconds(), s.Commits.Within)
}
