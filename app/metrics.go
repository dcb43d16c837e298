package app

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Metrics is what /metrics tells: a registry of our own, so that nothing a
// library registers by itself appears.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	known    sync.Map // of counted to prometheus.Observer
}

// NewMetrics gathers HTTP, the Go runtime, the process and the given collectors:
// a module hands in its own. It panics when two collide, a programming fault.
func NewMetrics(of ...prometheus.Collector) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "usher_http_request_duration_seconds",
			Help:    "Time from the request's headers to the end of the answer.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
	}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	m.registry.MustRegister(of...)
	return m
}

// counted is what requests are counted by.
type counted struct {
	method, route string
	status        int
}

// Request counts one answered request.
func (m *Metrics) Request(a web.Access) {
	by := counted{a.Method, a.Route, a.Status}
	found, ok := m.known.Load(by)
	if !ok { // there are few, and prometheus would put the labels together each time
		found, _ = m.known.LoadOrStore(by, m.requests.WithLabelValues(a.Method, a.Route, strconv.Itoa(a.Status)))
	}
	found.(prometheus.Observer).Observe(a.Took.Seconds())
}

// Handler answers in Prometheus's and OpenMetrics' formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// poolCollector tells how busy the database's connections are.
type poolCollector struct{ db *db.DB }

var (
	poolInUse = prometheus.NewDesc("usher_db_connections_in_use", "Connections lent to a request or job.", nil, nil)
	poolOpen  = prometheus.NewDesc("usher_db_connections_open", "Connections open, in use or idle.", nil, nil)
	poolMax   = prometheus.NewDesc("usher_db_connections_max", "Connections allowed: database.max_conns.", nil, nil)
	poolWaits = prometheus.NewDesc("usher_db_connection_waits_total", "Times that no connection was free.", nil, nil)
	poolWait  = prometheus.NewDesc("usher_db_connection_wait_seconds_total", "Time spent waiting for a connection.", nil, nil)
)

// NewPoolCollector watches d's pool.
func NewPoolCollector(d *db.DB) prometheus.Collector { return poolCollector{d} }

// Describe lists the metrics.
func (poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolInUse, poolOpen, poolMax, poolWaits, poolWait} {
		ch <- d
	}
}

// Collect reads the pool's state.
func (p poolCollector) Collect(ch chan<- prometheus.Metric) {
	s := p.db.Pool().Stat()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	gauge(poolInUse, float64(s.AcquiredConns()))
	gauge(poolOpen, float64(s.TotalConns()))
	gauge(poolMax, float64(s.MaxConns()))
	counter(poolWaits, float64(s.EmptyAcquireCount()))
	counter(poolWait, s.AcquireDuration().Seconds())
}
