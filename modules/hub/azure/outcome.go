package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Outcomes, in the words of the reference; unsupported is Usher's own.
const (
	outcomeSuccess     = "Success"
	outcomeExpired     = "ExpiredChannel" // the push service gave the handle up
	outcomeWrongToken  = "WrongToken"     // of another environment, or no token of the service's at all
	outcomeWrong       = "WrongChannel"   // the handle belongs to another app
	outcomeBad         = "BadChannel"     // the service does not know the handle's form
	outcomeSize        = "InvalidNotificationSize"
	outcomeCredentials = "InvalidCredentials"
	outcomeAbandoned   = "AbandonedNotificationMessages" // its time ran out
	outcomeSkipped     = "Skipped"                       // a cap, or the recipient left
	outcomeUnknown     = "UnknownError"
	outcomeUnsupported = "UnsupportedPlatform"
)

// outcomeOf translates a delivery's end.
func outcomeOf(state, reason string) string {
	switch state {
	case "delivered":
		return outcomeSuccess
	case "gone":
		switch reason {
		case "BadDeviceToken":
			return outcomeWrongToken
		case "INVALID_ARGUMENT":
			return outcomeBad
		}
		return outcomeExpired
	case "quarantined":
		return outcomeWrong
	case "expired":
		return outcomeAbandoned
	case "capped", "skipped":
		return outcomeSkipped
	}
	switch {
	case strings.HasPrefix(reason, "PayloadTooLarge"):
		return outcomeSize
	case reason == outcomeUnsupported:
		return outcomeUnsupported
	case strings.Contains(reason, "credential"):
		return outcomeCredentials
	}
	return outcomeUnknown
}

// States of a message, in the words of the reference.
const (
	stateScheduled  = "Scheduled"
	stateEnqueued   = "Enqueued"
	stateProcessing = "Processing"
	stateCompleted  = "Completed"
	stateNoTarget   = "NoTargetFound"
	stateCancelled  = "Cancelled"
)

// details are what becomes of a message.
type details struct { //nolint:recvcheck // filled in by pointer, told by value
	id             string
	state          string
	enqueued       time.Time
	started, ended *time.Time
	body, format   string
	counts         map[string]map[string]int64 // by element of the platform, then by outcome
}

// details gathers what is known of a message. Errors: fault.NotFound.
func (s *Service) details(ctx context.Context, app string, name id.ID) (details, error) {
	r, err := s.hub.Report(ctx, name)
	if fault.Is(err, fault.NotFound) || err == nil && r.Notification.App != app {
		return details{}, fault.E(opMessage, fault.NotFound, "There is no notification of that id, or its outcomes were dropped after the hub's retention.", err)
	}
	if err != nil {
		return details{}, err
	}
	n := r.Notification
	d := details{id: name.String(), state: stateOf(r), enqueued: n.CreatedAt, started: n.StartedAt, ended: n.FinishedAt,
		body: bodyOf(n.Draft), format: formatOf(n.Draft), counts: map[string]map[string]int64{}}
	for _, b := range r.Services {
		p := find(func(p *platform) bool { return string(p.service) == b.Name && (p.form != "FcmV1" || d.format != "gcm") })
		if p == nil {
			continue
		}
		d.add(p, outcomeSuccess, b.Outcomes["delivered"])
		for _, c := range b.Causes {
			d.add(p, outcomeOf(c.State, c.Reason), c.Count)
		}
	}
	return d, nil
}

// stateOf is a notification's state in the reference's words.
func stateOf(r hub.Report) string {
	n := r.Notification
	switch {
	case n.State == "scheduled":
		return stateScheduled
	case n.State == "cancelled":
		return stateCancelled
	case n.State == "done" && n.Audience == 0:
		return stateNoTarget
	case n.State == "done":
		return stateCompleted
	case r.Recorded == 0:
		return stateEnqueued
	}
	return stateProcessing
}

func (d *details) add(p *platform, outcome string, n int64) {
	if n == 0 {
		return
	}
	if d.counts[p.counts] == nil {
		d.counts[p.counts] = map[string]int64{}
	}
	d.counts[p.counts][outcome] += n
}

// bodyOf is the message's body; texts that are no JSON are kept as JSON strings.
func bodyOf(d hub.Draft) string {
	for _, raw := range d.Native {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text
		}
		return string(raw)
	}
	b, err := json.Marshal(d.Properties)
	if err != nil {
		return ""
	}
	return string(b)
}

// formatOf is what the client called the platform; of a notification that came
// another way, what it would have called it.
func formatOf(d hub.Draft) string {
	if said := d.Headers[formatHeader]; said != "" {
		return said
	}
	var words []string
	for service := range d.Native {
		if p := find(func(p *platform) bool { return p.service == service }); p != nil {
			words = append(words, p.format)
		}
	}
	slices.Sort(words)
	return cmp.Or(strings.Join(words, ","), "template")
}

// xml writes the details; address is the message's.
func (d details) xml(address string) string {
	var x document
	x.open("NotificationDetails", "xmlns", nsConnect, "xmlns:i", nsInstance)
	x.put("NotificationId", d.id)
	x.put("Location", address)
	x.put("State", d.state)
	x.put("EnqueueTime", d.enqueued.UTC().Format(time.RFC3339Nano))
	if d.started != nil {
		x.put("StartTime", d.started.UTC().Format(time.RFC3339Nano))
	}
	if d.ended != nil {
		x.put("EndTime", d.ended.UTC().Format(time.RFC3339Nano))
	}
	x.maybe("NotificationBody", d.body)
	x.maybe("TargetPlatforms", d.format)
	for _, p := range platforms {
		outcomes := d.counts[p.counts]
		if len(outcomes) == 0 {
			continue
		}
		x.open(p.counts)
		for _, name := range slices.Sorted(maps.Keys(outcomes)) {
			x.open("Outcome")
			x.put("Name", name)
			x.put("Count", strconv.FormatInt(outcomes[name], 10))
			x.close("Outcome")
		}
		x.close(p.counts)
	}
	x.close("NotificationDetails")
	return x.String()
}

// sentence is how the reference words a test send's outcome.
func sentence(state, reason string) string {
	if state == "delivered" {
		return "The Notification was successfully sent to the Push Notification System"
	}
	return strings.TrimSuffix(outcomeOf(state, reason)+": "+reason, ": ")
}

// trialXML writes what became of a test send; handles are by registration.
func trialXML(list []hub.Delivery, handles map[string]string) string {
	var x document
	failed := 0
	for _, r := range list {
		if r.State != "delivered" {
			failed++
		}
	}
	x.open("NotificationOutcome", "xmlns", nsConnect, "xmlns:i", nsInstance)
	x.put("Success", strconv.Itoa(len(list)-failed))
	x.put("Failure", strconv.Itoa(failed))
	if len(list) == 0 {
		x.open("Results", "i:nil", "true")
	} else {
		x.open("Results")
	}
	for _, r := range list {
		x.open("RegistrationResult")
		word := r.Kind
		if p := platformOf(r.Kind, ""); p != nil {
			word = p.format
		}
		x.put("ApplicationPlatform", word)
		x.put("PnsHandle", handles[r.Registration])
		x.put("RegistrationId", r.Registration)
		x.put("Outcome", sentence(r.State, r.Reason))
		x.close("RegistrationResult")
	}
	x.close("Results")
	x.close("NotificationOutcome")
	return x.String()
}
