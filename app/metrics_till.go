package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/sales"
)

// tillCollector tells how busy the till is.
type tillCollector struct{ sales *sales.Service }

var (
	tillWaiting  = prometheus.NewDesc("usher_till_waiting", "Carts and orders that wait to be written.", nil, nil)
	tillMost     = prometheus.NewDesc("usher_till_waiting_max", "That may wait; beyond, buyers are asked to come again.", nil, nil)
	tillCapacity = prometheus.NewDesc("usher_till_capacity_per_second", "What the till managed when it had all it could do; 0: it never had.", nil, nil)
	booksWrong   = prometheus.NewDesc("usher_sales_books_wrong", "Stocks and orders that did not agree with tickets and carts when this process looked last.", nil, nil)
	booksChecked = prometheus.NewDesc("usher_sales_books_checked_timestamp_seconds", "When this process looked last; there is none before it did.", nil, nil)
)

// NewTillCollector watches the till of s.
func NewTillCollector(s *sales.Service) prometheus.Collector { return tillCollector{s} }

// Describe lists the metrics.
func (tillCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tillWaiting, tillMost, tillCapacity, booksWrong, booksChecked} {
		ch <- d
	}
}

// Collect reads the figures.
func (c tillCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.sales.TillStats()
	for d, v := range map[*prometheus.Desc]float64{tillWaiting: float64(s.Waiting), tillMost: float64(s.Most), tillCapacity: s.Capacity} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	if b := c.sales.LastBooks(); !b.At.IsZero() {
		ch <- prometheus.MustNewConstMetric(booksWrong, prometheus.GaugeValue, float64(b.Wrong))
		ch <- prometheus.MustNewConstMetric(booksChecked, prometheus.GaugeValue, float64(b.At.Unix()))
	}
}
