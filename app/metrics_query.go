package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/analytics"
)

// queryCollector tells how each standing query gets on.
type queryCollector struct{ analytics *analytics.Service }

var (
	queryLag   = prometheus.NewDesc("usher_query_lag_seconds", "How far a standing query's watermark is behind the clock.", []string{"query"}, nil)
	queryFacts = prometheus.NewDesc("usher_query_facts", "Facts since the query began, by what happened to them: counted, early, late, out_of_order, dropped, unusable, overflow.", []string{"query", "what"}, nil)
)

// NewQueryCollector watches the standing queries.
func NewQueryCollector(a *analytics.Service) prometheus.Collector { return queryCollector{a} }

// Describe lists the metrics.
func (queryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- queryLag; ch <- queryFacts }

// Collect reads the figures. A database that does not answer leaves them out.
func (c queryCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	all, err := c.analytics.QueryStats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(queryLag, err)
		return
	}
	for _, q := range all {
		ch <- prometheus.MustNewConstMetric(queryLag, prometheus.GaugeValue, q.Lag.Seconds(), q.Query)
		for what, n := range map[string]int64{"counted": q.Facts, "early": q.Early, "late": q.Late, "out_of_order": q.OutOfOrder, "dropped": q.Dropped,
			"unusable": q.Unusable, "overflow": q.Overflow} {
			ch <- prometheus.MustNewConstMetric(queryFacts, prometheus.GaugeValue, float64(n), q.Query, what)
		}
	}
}
