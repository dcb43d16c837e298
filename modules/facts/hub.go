// Package facts is the published language of Usher: what the modules announce,
// one file per announcing module. Plain structs, stored as JSON in the stream.
package facts

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// NotificationFinished says that every delivery of a notification has its outcome,
// or that the notification was cancelled.
type NotificationFinished struct {
	Notification id.ID     `json:"notification"`
	App          string    `json:"app"`
	State        string    `json:"state"` // "done" or "cancelled"
	Audience     int64     `json:"audience"`
	At           time.Time `json:"at"`
}

// FactType names the fact in the stream.
func (NotificationFinished) FactType() string { return "hub.notification_finished" }

// FactKey orders the facts of one notification.
func (f NotificationFinished) FactKey() string { return f.Notification.String() }

// InstallationsRetired says that a push service called handles dead, and that
// their installations get nothing any more. One fact tells of a batch.
type InstallationsRetired struct {
	App     string `json:"app"`
	Service string `json:"service"`
	Count   int    `json:"count"`
}

// FactType names the fact in the stream.
func (InstallationsRetired) FactType() string { return "hub.installations_retired" }

// FactKey orders the facts of one app.
func (f InstallationsRetired) FactKey() string { return f.App }
