package hub

import (
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/id"
)

// chunk is a part of a notification: one push service, one range of
// installation numbers, one job.
type chunk struct {
	No             int64
	NotificationNo int64
	NotificationID id.ID
	App            string
	Service        push.Service
	From, To       int64
	Zones          []string // nil: any
	Targets        []aimed  // nil: installations
	DueAt          time.Time
	Runs           int  // before this one
	Passed         bool // every installation was tried; only the waiting are left
	Flushes        int  // outcome transactions so far; the fence's second half
	Tally          tally
	Causes         causes
	Draft          Draft
	ExpiresAt      time.Time
	CreatedAt      time.Time
	Cancelled      bool // the notification was cancelled
	Finished       bool // done or cancelled: there is nothing to do
}

// aimed is a handle of a direct send and its place among all of that send.
type aimed struct {
	Target
	At int `json:"at"`
}

// tally counts the final outcomes of a chunk by state and locale, and under
// tallyRetried those that took more than one attempt.
type tally map[string]int

// States of a delivery.
const (
	stateDelivered   = "delivered"
	stateGone        = "gone"        // the installation was retired
	stateQuarantined = "quarantined" // the installation is set aside for a person to look at
	stateFailed      = "failed"      // the message was at fault
	stateExpired     = "expired"     // no answer or no quiet end before its expiry
	stateCapped      = "capped"      // the app's frequency cap was reached
	stateSkipped     = "skipped"     // late beyond the promoter's limit, or the installation lapsed

	tallyRetried = "retried"
)

func (t tally) add(state, locale string, attempts int) {
	t[state+"|"+locale]++
	if attempts > 1 {
		t[tallyRetried+"|"+locale]++
	}
}

// recorded is how many deliveries have their final outcome.
func (t tally) recorded() int {
	n := 0
	for key, count := range t {
		if !strings.HasPrefix(key, tallyRetried+"|") {
			n += count
		}
	}
	return n
}

// causes counts the outcomes of a chunk that are no delivery, by "state|reason".
type causes map[string]int

// maxCauses bounds the reasons told apart in one chunk; the rest is otherCause.
const (
	maxCauses  = 40
	otherCause = "other"
)

// add leaves a reason's details out: what stands behind a colon names sizes and the like.
func (c causes) add(state, reason string) {
	if state == stateDelivered {
		return
	}
	reason, _, _ = strings.Cut(reason, ":")
	key := state + "|" + clip(reason)
	if _, known := c[key]; !known && len(c) >= maxCauses {
		key = state + "|" + otherCause
	}
	c[key]++
}

// outcome is what became of one delivery, ready to record.
type outcome struct {
	rc       *recipient
	at       time.Time
	state    string // "" : not final, try again at due
	status   int
	reason   string
	attempts int
	asked    int // requests that the push service got
	due      time.Time
	locale   string
	goneAt   time.Time // retire only a handle that is not newer
}
