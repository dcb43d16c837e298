package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
)

// pushCollector tells how the push services do, as this process sees them, and which
// credentials they have refused.
type pushCollector struct {
	hub *hub.Service
	db  *db.DB
}

var (
	pushOpen   = prometheus.NewDesc("usher_push_breaker_open", "1 while nothing is sent to the push service, because it failed.", []string{"app", "service"}, nil)
	pushFlying = prometheus.NewDesc("usher_push_in_flight", "Messages on their way to the push service.", []string{"app", "service"}, nil)
	pushPaused = prometheus.NewDesc("usher_push_credential_paused", "1 while the push service refuses the app's credential.", []string{"app", "service"}, nil)
)

// NewPushCollector watches the lanes of s, and the credentials in d.
func NewPushCollector(s *hub.Service, d *db.DB) prometheus.Collector { return pushCollector{s, d} }

// Describe lists the metrics.
func (pushCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pushOpen, pushFlying, pushPaused} {
		ch <- d
	}
}

// Collect reads the lanes' state and the credentials.
func (c pushCollector) Collect(ch chan<- prometheus.Metric) {
	for _, l := range c.hub.Lanes() {
		ch <- prometheus.MustNewConstMetric(pushOpen, prometheus.GaugeValue, truth(l.Breaker == "open"), l.App, string(l.Service))
		ch <- prometheus.MustNewConstMetric(pushFlying, prometheus.GaugeValue, float64(l.Flying), l.App, string(l.Service))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := hub.CredentialsIn(ctx, c.db)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(pushPaused, err)
		return
	}
	for _, k := range all {
		ch <- prometheus.MustNewConstMetric(pushPaused, prometheus.GaugeValue, truth(k.PausedAt != nil), k.App, string(k.Service))
	}
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// houseCollector tells what the machine must have: room, a backup, certificates that hold.
type houseCollector struct{ cfg Config }

var (
	backupMade = prometheus.NewDesc("usher_backup_timestamp_seconds", "When `usher backup` was last run here; there is none before it was.", nil, nil)
	certEnds   = prometheus.NewDesc("usher_certificate_end_timestamp_seconds", "When the certificate of one of Usher's own listeners ends.", []string{"listener"}, nil)
	diskFree   = prometheus.NewDesc("usher_data_free_bytes", "Room left where the data directory is.", nil, nil)
)

// NewHouseCollector watches the data directory and the certificates that cfg names.
func NewHouseCollector(cfg Config) prometheus.Collector { return houseCollector{cfg} }

// Describe lists the metrics.
func (houseCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- backupMade
	ch <- certEnds
	ch <- diskFree
}

// Collect looks at them.
func (c houseCollector) Collect(ch chan<- prometheus.Metric) {
	if b, err := readBackupNote(c.cfg.DataDir); err == nil {
		ch <- prometheus.MustNewConstMetric(backupMade, prometheus.GaugeValue, float64(b.At.Unix()))
	}
	for _, l := range listenerCerts(c.cfg) {
		if l.Err == nil {
			ch <- prometheus.MustNewConstMetric(certEnds, prometheus.GaugeValue, float64(l.Ends.Unix()), l.Setting)
		}
	}
	if free, err := freeBytes(c.cfg.DataDir); err == nil {
		ch <- prometheus.MustNewConstMetric(diskFree, prometheus.GaugeValue, float64(free))
	}
}
